import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import type { BusAddress } from "../domain/agent_protocol.ts";
import { type Log, silentLog } from "../log.ts";
import { AGENT_INBOX, agentPermissions } from "./nats_permissions.ts";
import {
  findNatsServer,
  type NatsServer,
  quote,
  startNatsServer,
} from "./nats_server.ts";
import { endLeftover } from "./nats_leftover.ts";
import { unlockAndClose } from "../unlock.ts";

export { findNatsServer } from "./nats_server.ts";

const LONGEST_PAUSE_MS = 10_000;

export interface PrivateNatsOptions {
  /** Configuration, log and messages live here; made when missing. */
  dataDir: string;
  /** Default: the one on PATH. */
  binary?: string;
  log?: Log;
}

export interface PrivateNats extends AsyncDisposable {
  /** For the control plane: may do everything. */
  address: NatsAddress;
  /** For agents: see `agentPermissions`. */
  agentAddress: NatsAddress;
}
type NatsAddress = Extract<BusAddress, { kind: "nats" }>;

/**
 * A nats-server of our own with JetStream, on a free loopback port, with fresh
 * random passwords and its messages in `dataDir`. When it dies it is started
 * again at the same address. What a killed parent left running in `dataDir` is
 * ended first; a parent that still runs makes this reject.
 */
export async function startPrivateNats(
  options: PrivateNatsOptions,
): Promise<PrivateNats> {
  const { binary = findNatsServer(), log = silentLog } = options;
  if (binary === undefined) {
    throw new Error(
      "Cannot start a private NATS server: nats-server is not on PATH; install it, or use the in-process bus",
    );
  }
  const dir = resolve(options.dataDir);
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  await using open = new AsyncDisposableStack();
  open.use(await lock(dir));
  await endLeftover(dir, log);

  const passwords = { control: secret(), agent: secret() };
  const config = configText(dir, passwords);
  const start = (port?: number) =>
    startNatsServer({
      binary,
      dir,
      config,
      ...(port !== undefined && { port }),
    });
  const first = await start();
  const { port } = first;
  log.info("private bus started", { port, pid: first.pid });
  open.use(keepAlive(first, () => start(port), log));
  const held = open.move();
  const servers = [`nats://127.0.0.1:${port}`];
  return {
    address: {
      kind: "nats",
      servers,
      user: CONTROL,
      password: passwords.control,
    },
    agentAddress: {
      kind: "nats",
      servers,
      user: AGENT,
      password: passwords.agent,
      inbox_prefix: AGENT_INBOX,
    },
    async [Symbol.asyncDispose]() {
      await held.disposeAsync();
    },
  };
}

const CONTROL = "attune";
const AGENT = "agent";

function configText(
  dir: string,
  passwords: { control: string; agent: string },
): string {
  const permissions = agentPermissions();
  return `
jetstream { store_dir: ${quote(join(dir, "jetstream"))} }
authorization {
  users: [
    { user: ${quote(CONTROL)}, password: ${quote(passwords.control)} }
    {
      user: ${quote(AGENT)}, password: ${quote(passwords.agent)}
      permissions: ${JSON.stringify(permissions)}
    }
  ]
}
`;
}

/** Starts the server again whenever it ends, until disposed of; then stops it. */
function keepAlive(
  first: NatsServer,
  start: () => Promise<NatsServer>,
  log: Log,
): AsyncDisposable {
  const stop = new AbortController();
  const { promise: stopped, resolve: onStop } = Promise.withResolvers<void>();
  stop.signal.addEventListener("abort", () => onStop(), { once: true });

  async function restart(): Promise<NatsServer | undefined> {
    for (let wait = 50; !stop.signal.aborted; wait *= 2) {
      try {
        // deno-lint-ignore no-await-in-loop -- one try after the other
        return await start();
      } catch (error) {
        log.error("private bus does not start again", { error });
      }
      const pause = Promise.withResolvers<void>();
      const timer = setTimeout(pause.resolve, Math.min(wait, LONGEST_PAUSE_MS));
      // deno-lint-ignore no-await-in-loop -- one try after the other
      await Promise.race([pause.promise, stopped]);
      clearTimeout(timer);
    }
    return undefined;
  }

  async function keep(): Promise<void> {
    let server: NatsServer | undefined = first;
    while (server !== undefined) {
      // deno-lint-ignore no-await-in-loop -- one life after the other
      const ended = await Promise.race([server.ended, stopped]);
      if (stop.signal.aborted) {
        // deno-lint-ignore no-await-in-loop -- the last act
        return await server[Symbol.asyncDispose]();
      }
      log.warn("private bus died, starting it again", { ...ended });
      // deno-lint-ignore no-await-in-loop -- one life after the other
      server = await restart();
    }
  }

  const kept = keep();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await kept;
    },
  };
}

/** Holds the directory for as long as this process lives. */
async function lock(dir: string): Promise<Disposable> {
  const path = join(dir, "lock");
  const file = await Deno.open(path, { create: true, write: true });
  if (await file.tryLock(true)) {
    return { [Symbol.dispose]: () => unlockAndClose(file) };
  }
  file.close();
  throw new Error(
    `Cannot start a private NATS server in ${dir}: another process uses it; stop that one first, or choose another directory`,
  );
}

function secret(): string {
  return randomBytes(24).toString("hex");
}
