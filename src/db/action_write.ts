import type { JsonObject } from "../domain/json.ts";
import type { Affinity, Toleration } from "../domain/placement.ts";
import { type ActionRow, findAction } from "./action_list.ts";
import { assign, given, jsonText } from "./assign.ts";
import type { Db } from "./connect.ts";

/** What the API can say about an action. */
export interface ActionFields {
  label: string;
  description: string | null;
  entrypoint: string;
  enabled: boolean;
  /** Canonical name. */
  runtime: string;
  runtime_version_constraint: string | null;
  required_worker_runtimes: Record<string, string>;
  worker_selector: Record<string, string>;
  worker_tolerations: Toleration[];
  worker_affinity: Affinity;
  param_schema: JsonObject | null;
  out_schema: JsonObject | null;
  timeout_seconds: number | null;
  accesses_mcp: boolean;
  default_execution_permission_set_refs: string[];
  artifact_retention_policy: string | null;
  artifact_retention_limit: number | null;
  log_retention_policy: string | null;
  log_retention_limit: number | null;
  reference_visibility: "public" | "private" | "restricted";
  reference_allowed_pack_refs: string[];
}

export interface NewAction extends ActionFields {
  ref: string;
  pack: number;
  pack_ref: string;
}

/** Adds an ad-hoc action. Undefined when the ref is taken. */
export async function insertAction(
  sql: Db,
  action: NewAction,
): Promise<ActionRow | undefined> {
  const [row] = await sql`
    insert into action (ref, pack, pack_ref, label, description, entry_point, enabled, runtime,
      runtime_version, required_worker_runtimes, worker_selector, worker_tolerations,
      worker_affinity, param_schema, out_schema, timeout_seconds, accesses_mcp,
      default_execution_permission_set_refs, artifact_retention_policy, artifact_retention_limit,
      log_retention_policy, log_retention_limit, reference_visibility,
      reference_allowed_pack_refs, is_adhoc)
    values (${action.ref}, ${action.pack}, ${action.pack_ref}, ${action.label},
      ${action.description}, ${action.entrypoint}, ${action.enabled}, ${action.runtime},
      ${action.runtime_version_constraint},
      ${jsonText(action.required_worker_runtimes)}::text::jsonb,
      ${jsonText(action.worker_selector)}::text::jsonb,
      ${jsonText(action.worker_tolerations)}::text::jsonb,
      ${jsonText(action.worker_affinity)}::text::jsonb,
      ${jsonText(action.param_schema)}::text::json,
      ${jsonText(action.out_schema)}::text::json,
      ${action.timeout_seconds}, ${action.accesses_mcp},
      ${action.default_execution_permission_set_refs}::text[],
      ${action.artifact_retention_policy}, ${action.artifact_retention_limit},
      ${action.log_retention_policy}, ${action.log_retention_limit},
      ${action.reference_visibility}, ${action.reference_allowed_pack_refs}::text[], true)
    on conflict (ref) do nothing returning id`;
  return row && await findAction(sql, action.ref);
}

/** Absent keeps the value, null clears it where it may be null. */
export type ActionChange = {
  [Key in keyof ActionFields]?: ActionFields[Key] | undefined;
};

/** Undefined when the action is gone. */
export async function updateAction(
  sql: Db,
  ref: string,
  change: ActionChange,
): Promise<ActionRow | undefined> {
  await sql`update action set ${
    assign(sql, [
      given(change.label, (v) => sql`label = ${v}`),
      given(change.description, (v) => sql`description = ${v}`),
      given(change.entrypoint, (v) => sql`entry_point = ${v}`),
      given(change.enabled, (v) => sql`enabled = ${v}`),
      given(change.runtime, (v) => sql`runtime = ${v}`),
      given(
        change.runtime_version_constraint,
        (v) => sql`runtime_version = ${v}`,
      ),
      given(
        change.required_worker_runtimes,
        (v) => sql`required_worker_runtimes = ${jsonText(v)}::text::jsonb`,
      ),
      given(
        change.worker_selector,
        (v) => sql`worker_selector = ${jsonText(v)}::text::jsonb`,
      ),
      given(
        change.worker_tolerations,
        (v) => sql`worker_tolerations = ${jsonText(v)}::text::jsonb`,
      ),
      given(
        change.worker_affinity,
        (v) => sql`worker_affinity = ${jsonText(v)}::text::jsonb`,
      ),
      given(
        change.param_schema,
        (v) => sql`param_schema = ${jsonText(v)}::text::json`,
      ),
      given(
        change.out_schema,
        (v) => sql`out_schema = ${jsonText(v)}::text::json`,
      ),
      given(change.timeout_seconds, (v) => sql`timeout_seconds = ${v}`),
      given(change.accesses_mcp, (v) => sql`accesses_mcp = ${v}`),
      given(
        change.default_execution_permission_set_refs,
        (v) => sql`default_execution_permission_set_refs = ${v}::text[]`,
      ),
      given(
        change.artifact_retention_policy,
        (v) => sql`artifact_retention_policy = ${v}`,
      ),
      given(
        change.artifact_retention_limit,
        (v) => sql`artifact_retention_limit = ${v}`,
      ),
      given(
        change.log_retention_policy,
        (v) => sql`log_retention_policy = ${v}`,
      ),
      given(change.log_retention_limit, (v) => sql`log_retention_limit = ${v}`),
      given(
        change.reference_visibility,
        (v) => sql`reference_visibility = ${v}`,
      ),
      given(
        change.reference_allowed_pack_refs,
        (v) => sql`reference_allowed_pack_refs = ${v}::text[]`,
      ),
    ])
  } where ref = ${ref}`;
  return await findAction(sql, ref);
}

/** False when there was none. */
export async function deleteAction(sql: Db, ref: string): Promise<boolean> {
  const rows = await sql`delete from action where ref = ${ref} returning id`;
  return rows.length === 1;
}
