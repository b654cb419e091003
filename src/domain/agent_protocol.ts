/**
 * What agents and the control plane say to each other. Requests go to
 * `/api/v1/agent/*` as JSON; work and outcomes travel on the bus. Ids are
 * database ids; durations are milliseconds unless the name ends in `_s`.
 */
import type { ExecutionResult, Reason } from "./execution.ts";
import type { Isolation } from "./isolation.ts";
import type { JsonObject } from "./json.ts";
import type { Taint } from "./placement.ts";
import type {
  DetectedInterpreter,
  ExecutionConfig,
  RuntimeDescriptor,
} from "./runtime.ts";

/** How long a claim holds without a heartbeat, and how often heartbeats come. */
export const LEASE_MS = 15_000;
export const HEARTBEAT_MS = 5_000;

/** What an agent offers (packs.md 5.3). Stored with the worker row. */
export interface Capabilities {
  /** Canonical names, sorted. */
  runtimes: string[];
  /** Canonical name -> exact versions; empty when the version is unknown. */
  runtime_versions: Record<string, string[]>;
  detected_interpreters: DetectedInterpreter[];
  labels: Record<string, string>;
  taints: Taint[];
  max_concurrent_executions: number;
  max_concurrent_sensors: number;
  agent_mode: true;
  agent_version: string;
  isolation: Isolation;
}

/** `POST /api/v1/agent/register`, authorised by the join token as Bearer. */
export interface RegisterRequest {
  /** Made once per state directory, which one process holds at a time: a second registration means the first died. */
  instance_id: string;
  name: string;
  worker_type: "local" | "remote" | "container";
  host: string;
  capabilities: Capabilities;
  /** What the agent still has, outcomes of a former process included: these leases stay, everything else it held is lost. */
  held?: Held[];
}

/** How to reach the bus; the embedded bus is handed over in process. */
export type BusAddress =
  | { kind: "embedded" }
  | {
    kind: "nats";
    servers: string[];
    user?: string;
    password?: string;
    token?: string;
    nkey_seed?: string;
    /** PEM text. */
    tls_ca?: string;
    /** First word of subjects and streams; `attune` when absent. */
    prefix?: string;
    /** Where answers come back, as the user's permissions say; `_INBOX` when absent. */
    inbox_prefix?: string;
  };

export interface RegisterAnswer {
  worker_id: number;
  /** Agent JWT for every other agent endpoint; renewed by heartbeat answers. */
  token: string;
  heartbeat_ms: number;
  lease_ms: number;
  bus: BusAddress;
  /** Base URL of the API as agents reach it; null = the one the agent used. */
  api_url: string | null;
  /** All runtimes known to the control plane, for detection. */
  runtimes: RuntimeDescriptor[];
}

/** One attempt held under a lease. */
export interface Held {
  id: number;
  attempt: number;
  lease: string;
}

/** `POST /api/v1/agent/heartbeat`: what is; the answer is what should be. */
export interface HeartbeatRequest {
  free_slots: number;
  running: Held[];
  /** Outcomes already sent whose settlement has not been confirmed: their leases are renewed too. */
  unsettled: Held[];
  /** Present when it changed since the last heartbeat that was answered. */
  capabilities?: Capabilities;
  /** True while the agent takes no new work because it is stopping. */
  stopping?: boolean;
}

export interface HeartbeatAnswer {
  /** A new agent JWT when the old one nears its end. */
  token?: string;
  /** Requirement keys to pull work for. */
  keys: string[];
  /** Held attempts whose cancellation was asked for. */
  cancel: { id: number; attempt: number }[];
  /** Held attempts that are no longer this agent's: running ones must be killed, unsettled ones forgotten. */
  gone: { id: number; attempt: number }[];
}

/** `POST /api/v1/agent/claim`: up to 100 at once. */
export interface ClaimRequest {
  items: {
    id: number;
    attempt: number;
    /** Chosen by the agent and the same in every try: a claim whose answer was lost can be asked for again. */
    lease: string;
  }[];
}

export interface ClaimAnswer {
  items: ClaimedItem[];
}

/** Neither `spec` nor `fault`: somebody else has it, or it was cancelled; acknowledge and forget. */
export interface ClaimedItem {
  id: number;
  attempt: number;
  spec?: ExecutionSpec;
  /** It was claimed but cannot be run: report a failed outcome under this lease. */
  fault?: { lease: string; reason: Reason; message: string };
}

/** Everything one attempt needs (architecture.md 4, step 5). The only carrier of secrets. */
export interface ExecutionSpec extends Held {
  lease_ms: number;
  action_ref: string;
  pack_ref: string;
  pack_version: string;
  /** Content hash of the pack tree; null for a pack without files. */
  pack_hash: string | null;
  /** First execution of a retry chain: names the artifacts directory. */
  chain_id: number;
  runtime: {
    name: string;
    ref: string;
    execution_config: ExecutionConfig;
    versions: {
      version: string;
      is_default: boolean;
      execution_config: ExecutionConfig;
    }[];
  };
  runtime_version: string | null;
  /** File below `actions/`, or source text when `inline`. */
  entry_point: string;
  inline: boolean;
  /** Defaults filled in, secrets included, in stored key order. */
  parameters: JsonObject;
  /** Names in `parameters` whose values are secret. */
  secret_names: string[];
  parameter_delivery: "stdin" | "file" | "env";
  parameter_format: "json" | "yaml" | "dotenv";
  output_format: "text" | "json" | "yaml" | "jsonl";
  output_strict: boolean;
  /** Flat schema (packs.md 1.6); null = anything. */
  output_schema: JsonObject | null;
  /** Effective, not yet capped by `worker.max_timeout`; null = the agent's default. */
  timeout_s: number | null;
  resources: Resources;
  permissions: JsonObject;
  env_vars: Record<string, string>;
  /** Execution token; null when the effective permission sets are empty. */
  token: string | null;
  rule_ref: string | null;
  trigger_ref: string | null;
  /** True when losing the attempt starts another one: the agent must be dead before its lease ends. */
  rerun_when_lost: boolean;
}

/** packs.md 2.4; absent = the agent's default. */
export interface Resources {
  memory_mb?: number;
  cpu_seconds?: number;
  open_files?: number;
  processes?: number;
  output_mb?: number;
}

/** `POST /api/v1/agent/outcomes`: answers `{refused: {id, attempt}[]}`; the others are in the outcome queue. */
export interface OutcomesRequest {
  outcomes: OutcomeReport[];
}

/** `POST /api/v1/agent/phase`: answers `{held: boolean}`; false = do not spawn. */
export interface PhaseReport extends Held {
  phase: "preparing" | "started";
}

export type LogStream = "stdout" | "stderr";

/** A piece of a log: `data` is base64 and begins at byte `offset` of the stream. Sending it twice is harmless. */
export interface LogChunk extends Held {
  stream: LogStream;
  offset: number;
  data: string;
}

/** `POST /api/v1/agent/logs`: up to 1 MiB of base64; the chunks of a stream in order. */
export interface LogRequest {
  chunks: LogChunk[];
}

export interface LogAnswer {
  /** Attempts that are not the sender's: send nothing more of them. */
  refused: { id: number; attempt: number }[];
  /** Streams whose chunks were not stored because bytes before them are missing; go on at `expected`. */
  gaps: { id: number; attempt: number; stream: LogStream; expected: number }[];
}

/**
 * Request headers that carry the lease where the body is raw bytes:
 * `PUT /api/v1/agent/executions/{id}/artifacts/{path...}` (a file of the
 * artifacts directory, path relative to it, at most 50 MB) and
 * `POST /api/v1/agent/executions/{id}/result` (a result over 512 KiB as JSON,
 * at most 64 MiB). Both answer {@linkcode ArtifactAnswer}; 409 when the lease is not the sender's.
 */
export const HELD_HEADERS = {
  attempt: "attune-attempt",
  lease: "attune-lease",
} as const;

export interface ArtifactAnswer {
  artifact_ref: string;
  version: number;
}

/**
 * The end of an attempt: bus queue `outcome`, or `POST /api/v1/agent/outcomes`
 * for a result with secret fields or when the bus is away.
 */
export interface OutcomeReport extends Held {
  worker_id: number;
  status: "completed" | "failed" | "cancelled";
  reason: Reason | null;
  result: ExecutionResult;
  isolation: Isolation | null;
  usage: Usage | null;
  /** Log bytes no chunk has carried yet. */
  logs: { stream: LogStream; offset: number; data: string }[];
}

/** Resources an attempt used, all of its processes together. */
export interface Usage {
  cpu_ms?: number;
  max_rss_bytes?: number;
}

/** Bus message on `work.<requirement key>`. */
export interface WorkMessage {
  id: number;
  attempt: number;
}
