import type { ExecutionStatus, Reason } from "./execution.ts";
import type { JsonObject } from "./json.ts";

/** One transition of an execution, as live watchers see it (api.md 7.1). Sent in batches after the commit. */
export interface ExecutionChange {
  entity_type: "execution";
  entity_id: number;
  id: number;
  action_id: number | null;
  action_ref: string;
  status: ExecutionStatus;
  /** Absent on creation. */
  old_status?: ExecutionStatus;
  enforcement: number | null;
  rule_ref: string | null;
  trigger_ref: string | null;
  parent: number | null;
  started_at: string | null;
  workflow_task: JsonObject | null;
  created: string;
  updated: string;
  reason: Reason | null;
  attempt: number;
  finished_at: string | null;
  original_execution: number | null;
}

/**
 * Subjects of nudges: fire-and-forget facts, ids only. A lost one costs
 * latency, never correctness.
 */
export const NUDGE = {
  /** Body `{ids: number[]}`: executions wait to be dispatched. */
  requested: "requested",
  /** Body `{}`: workers or requirements changed; match again. */
  fleet: "fleet",
  /** Body `{changes: ExecutionChange[]}`. */
  changed: "changed",
  /** Body `{id: number}`: the log of this execution grew. */
  log: "log",
  /** Body `{ref, hash}`: a pack was loaded. */
  pack: "pack",
  /** Body `{}`: this agent should heartbeat now. */
  agent: (workerId: number) => `agent.${workerId}`,
} as const;

/** Names of durable queues. */
export const QUEUE = {
  outcome: "outcome",
  work: (requirementKey: string) => `work.${requirementKey}`,
} as const;
