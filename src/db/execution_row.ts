import type {
  ExecutionResult,
  ExecutionStatus,
  Reason,
} from "../domain/execution.ts";
import type { Isolation } from "../domain/isolation.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Affinity, Toleration } from "../domain/placement.ts";
import type { Queryable } from "./connect.ts";

/** An execution as the API shows it (api.md 6); sealed values are still sealed. */
export interface ExecutionRow extends ExecutionSummaryRow {
  action: number | null;
  config: JsonObject;
  executor: number | null;
  permission_set_refs: string[];
  artifact_retention_policy: string | null;
  artifact_retention_limit: number | null;
  worker_selector: Record<string, string> | null;
  worker_tolerations: Toleration[] | null;
  worker_affinity: Affinity | null;
  worker: number | null;
  result: ExecutionResult | Record<string, never>;
  isolation: Isolation | null;
  waiting_for: string | null;
}

export interface ExecutionSummaryRow {
  id: number;
  action_ref: string;
  status: ExecutionStatus;
  parent: number | null;
  enforcement: number | null;
  rule_ref: string | null;
  trigger_ref: string | null;
  started_at: string | null;
  workflow_task: JsonObject | null;
  original_execution: number | null;
  timeout_seconds: number | null;
  reason: Reason | null;
  attempt: number;
  finished_at: string | null;
  created: string;
  updated: string;
}

/** Columns of an {@linkcode ExecutionSummaryRow}; the table's alias is `e`. */
export function summaryColumns(sql: Queryable) {
  return sql`e.id, e.action_ref, e.status, e.parent, e.enforcement, e.rule_ref, e.trigger_ref,
    e.started_at, e.workflow_task, e.original_execution, e.timeout_seconds, e.reason, e.attempt,
    e.finished_at, e.created, e.updated`;
}

/**
 * Columns of an {@linkcode ExecutionRow}; the table's alias is `e`. An action
 * that was deleted leaves only its ref.
 */
export function executionColumns(sql: Queryable) {
  return sql`${
    summaryColumns(sql)
  }, (select a.id from action a where a.id = e.action) as action, e.config, e.executor, e.permission_set_refs,
    e.artifact_retention_policy, e.artifact_retention_limit, e.worker_selector,
    e.worker_tolerations, e.worker_affinity, e.worker, e.result, e.isolation, e.waiting_for`;
}
