import type { Bus } from "../bus/bus.ts";
import type { BusAddress } from "../domain/agent_protocol.ts";
import { backOff, pause } from "./back_off.ts";
import type { AgentDeps } from "./options.ts";

/** The bus that the control plane names; waits until it can be reached, or throws the reason of `signal`. */
export async function openBus(
  address: BusAddress,
  { bus, connectBus, log }: AgentDeps,
  signal: AbortSignal,
): Promise<Bus> {
  if (address.kind === "embedded") {
    if (bus !== undefined) return bus;
    throw new Error(
      "Cannot reach the bus of the control plane as it lives inside its process: start the server with ATTUNE__MESSAGE_QUEUE__URL set to a NATS server, so that agents elsewhere can join",
    );
  }
  if (connectBus === undefined) {
    throw new Error(
      `Cannot connect to a ${address.kind} bus: no way was given`,
    );
  }
  let said = false;
  for (const wait of backOff(250, 10_000)) {
    signal.throwIfAborted();
    try {
      // deno-lint-ignore no-await-in-loop -- one try after the other
      return await connectBus(address);
    } catch (error) {
      if (!said) {
        log.warn("the bus cannot be reached; trying again", {
          servers: address.servers,
          error: error instanceof Error ? error.message : String(error),
        });
      }
      said = true;
    }
    // deno-lint-ignore no-await-in-loop -- the wait between two tries
    await pause(wait, signal);
  }
  throw new Error("unreachable");
}
