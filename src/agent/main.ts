import { connectNats } from "../bus/nats.ts";
import { natsOptionsOf } from "../bus/nats_options.ts";
import type { BusAddress } from "../domain/agent_protocol.ts";
import { aborted, stopOnSignals } from "../lifecycle.ts";
import { type Log, makeLog } from "../log.ts";
import { ApiRefused } from "./api_client.ts";
import type { AgentOptions } from "./options.ts";
import { optionsFromEnv } from "./options_from_env.ts";
import { startAgent } from "./start_agent.ts";
import { StateDirHeld } from "./state_dir.ts";

/** What the agent program exits with. */
const AGENT_EXIT = {
  /** Stopped as asked. */
  stopped: 0,
  /** Something nobody foresaw. */
  failed: 1,
  /** A variable is missing or wrong. */
  misconfigured: 2,
  /** The control plane does not want this agent, for example as its join token is wrong. */
  refused: 3,
  /** Another agent runs on the same state directory. */
  held: 4,
} as const;

/** Between the end of all patience and leaving without another word. */
const LAST_MS = 10_000;

/**
 * Runs one agent until SIGINT or SIGTERM: softly at first, at once at the
 * second signal. Answers the exit code.
 */
async function runAgent(
  options: AgentOptions,
  { log }: { log: Log },
): Promise<number> {
  const { shutdownTimeoutMs, killGraceMs } = options;
  using stop = stopOnSignals({
    graceMs: shutdownTimeoutMs + killGraceMs + LAST_MS,
  });
  try {
    await using agent = await startAgent(options, {
      log,
      connectBus: (address) => connectToBus(address, log),
      hard: stop.hard,
    }, { signal: stop.soft });
    log.info("agent started", { worker: agent.workerId });
    await aborted(stop.soft);
    return AGENT_EXIT.stopped;
  } catch (error) {
    if (stop.soft.aborted) return AGENT_EXIT.stopped;
    log.error(error instanceof Error ? error.message : String(error));
    if (error instanceof ApiRefused) return AGENT_EXIT.refused;
    if (error instanceof StateDirHeld) return AGENT_EXIT.held;
    return AGENT_EXIT.failed;
  }
}

/** The bus of another process. */
function connectToBus(address: BusAddress, log: Log) {
  if (address.kind === "nats") {
    return connectNats({
      ...natsOptionsOf(address),
      name: "attune-agent",
      log,
    });
  }
  return Promise.reject(
    new Error(`Cannot connect to a bus of kind "${address.kind}"`),
  );
}

/** The agent as a program of its own; see `optionsFromEnv` for what it is told. */
async function main(): Promise<number> {
  const log = makeLog({ level: "info", format: "json" });
  let options: AgentOptions;
  try {
    options = optionsFromEnv(Deno.env.toObject());
  } catch (error) {
    log.error((error as Error).message);
    return AGENT_EXIT.misconfigured;
  }
  return await runAgent(options, { log });
}

if (import.meta.main) Deno.exit(await main());
