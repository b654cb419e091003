import { join } from "node:path";
import type { Bus } from "../bus/bus.ts";
import { embeddedBus } from "../bus/embedded.ts";
import type { Config } from "../config.ts";
import type { BusAddress } from "../domain/agent_protocol.ts";
import type { Log } from "../log.ts";

export interface StartBus {
  bus: Bus;
  agentBus: BusAddress;
  /** For the screen. */
  name: string;
}

/** The configured NATS; else a private one when nats-server is on PATH; else the bus of this process. */
export async function openStartBus(
  config: Config,
  { log, stack }: { log: Log; stack: AsyncDisposableStack },
): Promise<StartBus> {
  const { url } = config.message_queue;
  if (url === "embedded") return inProcess(stack, "in process, as configured");
  if (url !== null) {
    const { agentBusAddress, openBus } = await import("../roles/wire_bus.ts");
    const bus = await openBus(config, { role: "start", stack, log });
    const agentBus = await agentBusAddress(config, log);
    return { bus, agentBus, name: `NATS at ${hostsIn(url)}` };
  }
  const { findNatsServer } = await import("../bus/nats_server.ts");
  const binary = findNatsServer();
  if (binary === undefined) {
    return inProcess(stack, "in process, as nats-server is not on PATH");
  }
  const [{ startPrivateNats }, { connectNats }, { natsOptionsOf }] =
    await Promise.all([
      import("../bus/private_nats.ts"),
      import("../bus/nats.ts"),
      import("../bus/nats_options.ts"),
    ]);
  const dataDir = join(config.home, "nats");
  const nats = stack.use(await startPrivateNats({ dataDir, binary, log }));
  const options = natsOptionsOf(nats.address);
  const bus = stack.use(
    await connectNats({ ...options, name: "attune start", log }),
  );
  return {
    bus,
    agentBus: nats.agentAddress,
    name: `NATS with JetStream, private (${binary})`,
  };
}

function inProcess(stack: AsyncDisposableStack, name: string): StartBus {
  const bus = stack.use(embeddedBus());
  return { bus, agentBus: { kind: "embedded" }, name };
}

/** Without users and passwords. */
function hostsIn(url: string): string {
  return url.split(",").map((server) => new URL(server.trim()).host).join(", ");
}
