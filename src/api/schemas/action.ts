import { z } from "@hono/zod-openapi";
import {
  description,
  Fields,
  Id,
  label,
  optional,
  patch,
  ref,
  Refs,
  TextMap,
  times,
  withDefault,
} from "./common.ts";
import { AffinityRules, Selector, Tolerations } from "./placement.ts";

export const Visibility = z.enum(["public", "private", "restricted"]);
const RetentionPolicy = z.enum(["versions", "days", "hours", "minutes"]);
const anyPolicy = z.string().nullable();
const anyLimit = z.int().nullable();

const summary = {
  id: Id,
  ref: z.string(),
  pack_ref: z.string(),
  label: z.string(),
  description: z.string().nullable(),
  entrypoint: z.string(),
  enabled: z.boolean(),
  runtime: Id.nullable(),
  runtime_ref: z.string().nullable(),
  runtime_version_constraint: z.string().nullable(),
  required_worker_runtimes: TextMap,
  worker_selector: Selector,
  worker_tolerations: Tolerations,
  worker_affinity: AffinityRules,
  workflow_def: Id.nullable(),
  accesses_mcp: z.boolean(),
  default_execution_permission_set_refs: Refs,
  timeout_seconds: z.number().nullable(),
  reference_visibility: Visibility,
  reference_allowed_pack_refs: Refs,
  artifact_retention_policy: anyPolicy,
  artifact_retention_limit: anyLimit,
  log_retention_policy: anyPolicy,
  log_retention_limit: anyLimit,
  ...times,
};

export const ActionSummary = z.object(summary).openapi("ActionSummary");

export const Action = z.object({
  ...summary,
  pack: Id,
  param_schema: Fields.nullable(),
  out_schema: Fields.nullable(),
  is_adhoc: z.boolean(),
}).openapi("Action");

export const ActionSearchHit = z.object({
  ref: z.string(),
  pack_ref: z.string(),
  label: z.string(),
  description: z.string().nullable(),
  runtime_ref: z.string().nullable(),
  is_workflow: z.boolean(),
  accesses_mcp: z.boolean(),
  reference_visibility: Visibility,
}).openapi("ActionSearchHit");

const entrypoint = z.string().min(1).max(1024);
const timeout = z.number().min(1).max(2_147_483_647);
const limit = z.int().min(1).max(2_147_483_647);

export const CreateActionRequest = z.object({
  ref,
  pack_ref: z.string().min(1),
  label,
  entrypoint,
  description: optional(description),
  enabled: withDefault(z.boolean(), true),
  runtime: optional(Id),
  runtime_ref: optional(z.string()),
  runtime_version_constraint: optional(z.string()),
  required_worker_runtimes: withDefault(TextMap, {}),
  worker_selector: withDefault(Selector, {}),
  worker_tolerations: withDefault(Tolerations, []),
  worker_affinity: withDefault(AffinityRules, {
    required: [],
    preferred: [],
    anti_affinity: [],
  }),
  param_schema: optional(Fields),
  out_schema: optional(Fields),
  timeout_seconds: optional(timeout),
  accesses_mcp: withDefault(z.boolean(), false),
  default_execution_permission_set_refs: withDefault(Refs, []),
  artifact_retention_policy: optional(RetentionPolicy),
  artifact_retention_limit: optional(limit),
  log_retention_policy: optional(RetentionPolicy),
  log_retention_limit: optional(limit),
  reference_visibility: withDefault(Visibility, "public"),
  reference_allowed_pack_refs: withDefault(Refs, []),
}).openapi("CreateActionRequest");

export const UpdateActionRequest = z.object({
  label: optional(label),
  entrypoint: optional(entrypoint),
  description: optional(description),
  enabled: optional(z.boolean()),
  runtime: optional(Id),
  runtime_ref: optional(z.string()),
  runtime_version_constraint: patch(z.string()),
  required_worker_runtimes: optional(TextMap),
  worker_selector: optional(Selector),
  worker_tolerations: optional(Tolerations),
  worker_affinity: optional(AffinityRules),
  param_schema: patch(Fields),
  out_schema: patch(Fields),
  timeout_seconds: patch(timeout),
  accesses_mcp: optional(z.boolean()),
  default_execution_permission_set_refs: optional(Refs),
  artifact_retention_policy: patch(RetentionPolicy),
  artifact_retention_limit: patch(limit),
  log_retention_policy: patch(RetentionPolicy),
  log_retention_limit: patch(limit),
  reference_visibility: optional(Visibility),
  reference_allowed_pack_refs: optional(Refs),
}).openapi("UpdateActionRequest");
