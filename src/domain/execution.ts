import type { Json, JsonObject } from "./json.ts";

/** The states of an execution (api.md 4.7). */
export const EXECUTION_STATUSES = [
  "requested",
  "scheduling",
  "scheduled",
  "running",
  "completed",
  "failed",
  "canceling",
  "cancelled",
  "timeout",
  "abandoned",
] as const;
export type ExecutionStatus = typeof EXECUTION_STATUSES[number];

const TERMINAL: ReadonlySet<ExecutionStatus> = new Set([
  "completed",
  "failed",
  "cancelled",
  "timeout",
  "abandoned",
]);

/** True when the status never changes again. */
export function isTerminal(status: ExecutionStatus): boolean {
  return TERMINAL.has(status);
}

/** Why an execution ended as it did (packs.md 3.12, api.md 5). */
export const REASONS = [
  "error",
  "signal",
  "timed_out",
  "oom",
  "resource_limit",
  "invalid_output",
  "env_setup_failed",
  "secret_unavailable",
  "runtime_missing",
  "spawn_failed",
  "no_worker",
  "sandbox",
  "entry_point_missing",
  "not_executable",
  "invalid_parameters",
  "lost",
  "cancelled",
] as const;
export type Reason = typeof REASONS[number];

const FINAL_REASONS: ReadonlySet<Reason> = new Set([
  "no_worker",
  "sandbox",
  "entry_point_missing",
  "not_executable",
  "invalid_parameters",
  "cancelled",
]);

/** True when trying again cannot help: never retried under `on: [failed]`. */
export function isFinalReason(reason: Reason): boolean {
  return FINAL_REASONS.has(reason);
}

export interface OutputError {
  kind: "parse" | "schema";
  message: string;
  /** Line (parse) or JSON pointer (schema) of the first fault. */
  at?: string;
}

/** What is read back from an attempt (packs.md 3.10). Sent and stored as it stands. */
export interface ExecutionResult {
  succeeded: boolean;
  /** 0..255, or -1 after a signal, timeout or cancel. Absent when nothing ran. */
  exit_code?: number;
  /** Spawn to exit, milliseconds. */
  duration_ms?: number;
  error?: string;
  signal?: string;
  timed_out?: true;
  cancelled?: true;
  stdout?: string;
  stdout_inline_truncated?: true;
  data?: Json;
  stdout_log?: string;
  stderr_log?: string;
  stdout_truncated?: true;
  stdout_bytes_truncated?: number;
  stderr_truncated?: true;
  stderr_bytes_truncated?: number;
  output_error?: OutputError;
  warnings?: { code: string; message: string }[];
  env_log?: string;
  /** Ref of the artifact that holds the whole result, when it is over 512 KiB. */
  result_artifact?: string;
  queue_ack?: Json;
}

/** How an attempt ended. The first cause wins; made by the agent or, for what never ran, by the scheduler. */
export interface Outcome {
  status: "completed" | "failed" | "cancelled" | "abandoned";
  /** Null for plain success; `invalid_output` is possible with `completed`. */
  reason: Reason | null;
  result: ExecutionResult;
}

/** Retry policy of an action (packs.md 2.3); seconds. */
export interface RetryPolicy {
  max_attempts: number;
  delay: number;
  backoff: "constant" | "exponential";
  max_delay: number;
  on: ("failed" | "timed_out" | "lost")[];
}

/** What `POST /executions/execute` asks for, after parsing; absent override = inherit the action's. */
export interface ExecutionRequest {
  action_ref: string;
  parameters: JsonObject;
  env_vars: Record<string, string>;
  permission_set_refs?: string[];
  timeout_seconds?: number;
}
