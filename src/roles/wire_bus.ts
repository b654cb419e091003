import type { Bus } from "../bus/bus.ts";
import { connectNats } from "../bus/nats.ts";
import type { NatsOptions } from "../bus/nats_options.ts";
import { AGENT_INBOX } from "../bus/nats_permissions.ts";
import type { Config } from "../config.ts";
import type { BusAddress } from "../domain/agent_protocol.ts";
import type { Log } from "../log.ts";

/** The configured NATS, connected. Pushed on `stack`. */
export async function openBus(
  config: Config,
  { role, stack, log }: {
    role: string;
    stack: AsyncDisposableStack;
    log: Log;
  },
): Promise<Bus> {
  const { url } = config.message_queue;
  if (url === null || url === "embedded") {
    throw new Error(
      `Cannot start the ${role} as it needs a message queue that other processes reach: set ATTUNE__MESSAGE_QUEUE__URL to nats://host:4222, or use "attune start", which brings its own`,
    );
  }
  const { user, password, token, nkey_seed, tls_ca, tls_cert, tls_key } =
    config.message_queue;
  const options: NatsOptions = {
    servers: serversIn(url),
    name: `attune ${role}`,
    log,
    ...given({ user, password, token, nkeySeed: nkey_seed }),
    ...(tls_ca !== null || tls_cert !== null
      ? {
        tls: given({ caFile: tls_ca, certFile: tls_cert, keyFile: tls_key }),
      }
      : {}),
  };
  return stack.use(await connectNats(options));
}

/**
 * How agents reach the configured NATS: as a user of their own when there is
 * one, else with the server's access, which `log` warns of.
 */
export async function agentBusAddress(
  config: Config,
  log: Log,
): Promise<BusAddress> {
  const queue = config.message_queue;
  const own = queue.agent_user !== null;
  const { user, password, token, nkey_seed } = queue;
  const access = own
    ? given({ user: queue.agent_user, password: queue.agent_password })
    : given({ user, password, token, nkey_seed });
  if (!own && Object.keys(access).length > 0) {
    log.warn(
      "agents get the server's own access to NATS; make a user for them: message_queue.agent_user",
    );
  }
  return {
    kind: "nats",
    servers: serversIn(queue.agent_url ?? queue.url ?? ""),
    ...access,
    ...(own && { inbox_prefix: AGENT_INBOX }),
    ...(queue.tls_ca !== null &&
      { tls_ca: await Deno.readTextFile(queue.tls_ca) }),
  };
}

function serversIn(url: string): string[] {
  return url.split(",").map((server) => server.trim()).filter(Boolean);
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], null> };

/** Without what is null. */
function given<T extends Record<string, unknown>>(values: T): Given<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== null),
  ) as Given<T>;
}
