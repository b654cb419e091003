import { z } from "@hono/zod-openapi";
import { EXECUTION_STATUSES } from "../../domain/execution.ts";
import {
  Fields,
  flagQuery,
  Id,
  idQuery,
  IsolationShape,
  optional,
  ref,
  Refs,
  times,
  Timestamp,
} from "./common.ts";
import {
  AffinityRules,
  isStorable,
  Selector,
  Tolerations,
} from "./placement.ts";

export const Status = z.enum(EXECUTION_STATUSES).openapi("ExecutionStatus");
export const RetentionPolicy = z.enum(["versions", "days", "hours", "minutes"]);
export const retentionLimit = z.int().min(1).max(2_147_483_647);

const summary = {
  id: Id,
  action_ref: z.string(),
  status: Status,
  parent: Id.nullable(),
  enforcement: Id.nullable(),
  rule_ref: z.string().nullable(),
  trigger_ref: z.string().nullable(),
  started_at: Timestamp.nullable(),
  workflow_task: Fields.nullable(),
  original_execution: Id.nullable(),
  timeout_seconds: z.number().nullable(),
  reason: z.string().nullable().openapi({
    description: "Why it ended as it did; null for plain success",
  }),
  attempt: z.int(),
  finished_at: Timestamp.nullable(),
  ...times,
};

export const ExecutionSummary = z.object(summary).openapi("ExecutionSummary");

export const Execution = z.object({
  ...summary,
  action: Id.nullable(),
  config: Fields.openapi({ description: "Parameters as the caller sent them" }),
  executor: Id.nullable(),
  permission_set_refs: Refs,
  artifact_retention_policy: z.string().nullable(),
  artifact_retention_limit: z.int().nullable(),
  worker_selector: Selector.nullable(),
  worker_tolerations: Tolerations.nullable(),
  worker_affinity: AffinityRules.nullable(),
  worker: Id.nullable(),
  result: Fields,
  isolation: IsolationShape.nullable(),
  waiting_for: z.string().nullable().openapi({
    description: "Why a requested execution is not scheduled yet",
  }),
}).openapi("Execution");

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Scalars become text; names of ours are dropped, and so is null, which means "not given". */
const envVars = z.record(
  z.string().regex(
    ENV_NAME,
    "must be a name of letters, digits and _ that does not begin with a digit",
  ),
  z.union([z.string(), z.number(), z.boolean(), z.null()], {
    error: "must be text, a number or a boolean",
  }),
).transform((vars, context) => {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(vars)) {
    if (value === null || name.startsWith("ATTUNE_")) continue;
    kept[name] = String(value);
    if (!isStorable(kept[name])) {
      const message = "must not contain NUL or lone surrogates";
      context.addIssue({ code: "custom", path: [name], message });
    }
  }
  return kept;
});

export const ExecuteRequest = z.object({
  action_ref: ref,
  parameters: optional(Fields),
  env_vars: optional(envVars),
  permission_set_refs: optional(Refs).openapi({
    description: "Absent: the action's; []: no API token for the execution",
  }),
  timeout_seconds: optional(z.number().min(1).max(2_147_483_647)),
  worker_selector: z.unknown().optional(),
  worker_tolerations: z.unknown().optional(),
  worker_affinity: z.unknown().optional(),
  artifact_retention_policy: optional(RetentionPolicy),
  artifact_retention_limit: optional(retentionLimit),
}).openapi("ExecuteRequest");

export const executionFilter = z.object({
  status: Status.optional(),
  action_ref: z.string().optional(),
  pack_name: z.string().optional(),
  rule_ref: z.string().optional(),
  trigger_ref: z.string().optional(),
  executor: idQuery.optional(),
  enforcement: idQuery.optional(),
  parent: idQuery.optional(),
  original_execution: idQuery.optional(),
  result_contains: z.string().optional(),
  top_level_only: flagQuery.optional(),
});

export const ExecutionStats = z.object({
  total: z.int(),
  completed: z.int(),
  failed: z.int(),
  running: z.int(),
  pending: z.int(),
  cancelled: z.int(),
  timeout: z.int(),
  abandoned: z.int(),
}).openapi("ExecutionStats");

export const Rescheduled = z.object({
  execution: Execution,
  attempt_count: z.int(),
  last_attempt_at: Timestamp.nullable(),
  message: z.string(),
}).openapi("Rescheduled");
