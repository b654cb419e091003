import type { BusAddress, Resources } from "../domain/agent_protocol.ts";
import type { Taint } from "../domain/placement.ts";
import type { Bus } from "../bus/bus.ts";
import type { Log } from "../log.ts";

/** Everything an agent is told; durations are milliseconds, sizes bytes. */
export interface AgentOptions {
  /** Base URL of the API, `http://127.0.0.1:8080`. */
  apiUrl: string;
  joinToken: string;
  /** The agent's own: identity, spool, pack cache, work dirs. One process at a time. */
  stateDir: string;
  /** Shared volume with packs; a pack there is used when its content hash matches. Null = none. */
  packsBaseDir: string | null;
  /** Root of runtime environments, handed to actions as `ATTUNE_RUNTIME_ENVS_DIR`. */
  runtimeEnvsDir: string;
  /** One directory per execution chain below it. */
  artifactsDir: string;
  /** Shown name; null = host name and a short suffix. */
  name: string | null;
  workerType: "local" | "remote" | "container";
  labels: Record<string, string>;
  taints: Taint[];
  maxConcurrentExecutions: number;
  /** The operator's word on what is offered (packs.md 5.1); null = what is detected. */
  runtimes: { names: string[]; from: string } | null;
  /** Names of variables of this process that actions may see. */
  envPassthrough: string[];
  defaultTimeoutMs: number;
  maxTimeoutMs: number;
  killGraceMs: number;
  /** How long running work may take to end after the agent was asked to stop. */
  shutdownTimeoutMs: number;
  maxStdoutBytes: number;
  maxStderrBytes: number;
  /** Most that `resources` of an action may ask for. */
  resourceCaps: Resources;
}

/** The defaults of packs.md 9; directories and the two values every agent needs have none. */
export const AGENT_DEFAULTS = {
  packsBaseDir: null,
  name: null,
  workerType: "remote",
  labels: {},
  taints: [],
  maxConcurrentExecutions: 10,
  runtimes: null,
  envPassthrough: [],
  defaultTimeoutMs: 300_000,
  maxTimeoutMs: 86_400_000,
  killGraceMs: 5_000,
  shutdownTimeoutMs: 30_000,
  maxStdoutBytes: 10 * 1024 * 1024,
  maxStderrBytes: 10 * 1024 * 1024,
  resourceCaps: {},
} satisfies Partial<AgentOptions>;

export interface AgentDeps {
  log: Log;
  /** The bus of this process; used when the control plane answers `embedded`. Not closed by the agent. */
  bus?: Bus;
  /** Connects where the control plane says. The agent closes what it gets. */
  connectBus?: (address: BusAddress) => Promise<Bus>;
  /** Ends running work at once while the agent stops. */
  hard?: AbortSignal;
}

/** A running agent. Disposing takes nothing new, waits for what runs, then ends it. */
export interface Agent extends AsyncDisposable {
  readonly workerId: number;
  /** Attempts that run now. */
  readonly running: number;
}
