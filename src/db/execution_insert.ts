import type { JsonObject } from "../domain/json.ts";
import type { Affinity, Toleration } from "../domain/placement.ts";
import type { Queryable } from "./connect.ts";
import { executionColumns, type ExecutionRow } from "./execution_row.ts";

/** What one request asks for; null = the action's. */
export interface NewExecution {
  action_ref: string;
  /** As sent, secrets sealed; must hold no NUL in keys that are not escaped by JSON. */
  config: JsonObject;
  env_vars: Record<string, string>;
  permission_set_refs: string[] | null;
  artifact_retention_policy: string | null;
  artifact_retention_limit: number | null;
  worker_selector: Record<string, string> | null;
  worker_tolerations: Toleration[] | null;
  worker_affinity: Affinity | null;
  timeout_seconds: number | null;
  parent: number | null;
  /** With a parent: the parent's executor instead. */
  executor: number | null;
  /** True: secrets are sealed and the delegation of permission sets was checked. */
  checked: boolean;
}

/**
 * Inserts requested executions in one statement. The answer has one entry per
 * request, in order; undefined where nothing was inserted: the action is
 * missing, disabled or a workflow, its pack is disabled, or the request is not
 * `checked` and the action needs that (secret parameters, permission sets).
 */
export async function insertExecutions(
  sql: Queryable,
  batch: readonly NewExecution[],
): Promise<(ExecutionRow | undefined)[]> {
  const text = (value: unknown) =>
    value === null ? null : JSON.stringify(value);
  const rows = await sql<(ExecutionRow & { ord: number })[]>`
    with request as (
      select r.*, case when r.sets is null then null
          else array(select jsonb_array_elements_text(r.sets::jsonb)) end as asked
      from unnest(
        ${batch.map((b) => b.action_ref)}::text[],
        ${batch.map((b) => JSON.stringify(b.config))}::text[],
        ${batch.map((b) => JSON.stringify(b.env_vars))}::text[],
        ${batch.map((b) => text(b.permission_set_refs))}::text[],
        ${batch.map((b) => b.artifact_retention_policy)}::text[],
        ${batch.map((b) => b.artifact_retention_limit)}::int[],
        ${batch.map((b) => text(b.worker_selector))}::text[],
        ${batch.map((b) => text(b.worker_tolerations))}::text[],
        ${batch.map((b) => text(b.worker_affinity))}::text[],
        ${batch.map((b) => b.timeout_seconds)}::float8[],
        ${batch.map((b) => b.parent)}::bigint[],
        ${batch.map((b) => b.executor)}::bigint[],
        ${batch.map((b) => String(b.checked))}::text[]::boolean[]
      ) with ordinality as r(action_ref, config, env_vars, sets, policy, "limit", selector,
        tolerations, affinity, timeout, parent, executor, checked, ord)
    ), chosen as (
      select nextval('execution_id_seq') as id, r.*, a.id as action,
        coalesce(r.asked, a.default_execution_permission_set_refs) as effective,
        coalesce(r.policy, a.artifact_retention_policy, 'versions') as kept,
        coalesce(r."limit", a.artifact_retention_limit, 5) as kept_limit,
        case when r.parent is null then r.executor else p.executor end as asker
      from request r
        join action a on a.ref = r.action_ref
        join pack k on k.id = a.pack
        left join execution p on p.id = r.parent
      where a.enabled and k.enabled and a.workflow_file is null and (r.checked or (
        coalesce(r.asked, a.default_execution_permission_set_refs) <@ array['standard']
        and (a.param_schema is null or strpos(a.param_schema::text, '"secret"') = 0)))
      order by r.ord
    ), e as (
      insert into execution (id, action, action_ref, config, env_vars, parent, executor,
        permission_set_refs, artifact_retention_policy, artifact_retention_limit,
        worker_selector, worker_tolerations, worker_affinity, timeout_seconds)
      overriding system value
      select id, action, action_ref, config::json, env_vars::jsonb, parent, asker,
        effective, kept, kept_limit,
        selector::jsonb, tolerations::jsonb, affinity::jsonb, timeout
      from chosen order by ord
      returning *
    )
    select c.ord, ${executionColumns(sql)} from e join chosen c on c.id = e.id`;
  const inserted = new Map(rows.map(({ ord, ...row }) => [ord, row]));
  return batch.map((_, index) => inserted.get(index + 1));
}

/** What decides how a request for an action is treated. */
export interface ActionToExecute {
  enabled: boolean;
  pack_enabled: boolean;
  workflow: boolean;
  param_schema: JsonObject | null;
  default_execution_permission_set_refs: string[];
}

/** Undefined when there is no such action. */
export async function findActionToExecute(
  sql: Queryable,
  ref: string,
): Promise<ActionToExecute | undefined> {
  const [row] = await sql<ActionToExecute[]>`
    select a.enabled, k.enabled as pack_enabled, a.workflow_file is not null as workflow,
      a.param_schema, a.default_execution_permission_set_refs
    from action a join pack k on k.id = a.pack
    where a.ref = ${ref}`;
  return row;
}
