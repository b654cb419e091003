import type { ExecutionChange } from "../domain/changes.ts";
import type { ExecutionStatus, Reason } from "../domain/execution.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Queryable } from "./connect.ts";

/** The columns of `execution` that watchers see. */
export interface ChangeRow {
  id: number;
  action: number | null;
  action_ref: string;
  status: ExecutionStatus;
  reason: Reason | null;
  attempt: number;
  enforcement: number | null;
  rule_ref: string | null;
  trigger_ref: string | null;
  parent: number | null;
  original_execution: number | null;
  workflow_task: JsonObject | null;
  started_at: string | null;
  finished_at: string | null;
  created: string;
  updated: string;
}

/** {@linkcode ChangeRow}'s columns of the row named `e`. */
export function changeColumns(sql: Queryable) {
  return sql`
    e.id, e.action, e.action_ref, e.status, e.reason, e.attempt, e.enforcement, e.rule_ref, e.trigger_ref,
    e.parent, e.original_execution, e.workflow_task, e.started_at, e.finished_at, e.created, e.updated`;
}

/** What watchers are told about a row; `oldStatus` is absent for a new one. */
export function toChange(
  row: ChangeRow,
  oldStatus?: ExecutionStatus,
): ExecutionChange {
  return {
    entity_type: "execution",
    entity_id: row.id,
    id: row.id,
    action_id: row.action,
    action_ref: row.action_ref,
    status: row.status,
    ...(oldStatus === undefined ? {} : { old_status: oldStatus }),
    enforcement: row.enforcement,
    rule_ref: row.rule_ref,
    trigger_ref: row.trigger_ref,
    parent: row.parent,
    started_at: row.started_at,
    workflow_task: row.workflow_task,
    created: row.created,
    updated: row.updated,
    reason: row.reason,
    attempt: row.attempt,
    finished_at: row.finished_at,
    original_execution: row.original_execution,
  };
}
