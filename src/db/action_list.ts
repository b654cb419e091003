import type { JsonObject } from "../domain/json.ts";
import type { Affinity, Toleration } from "../domain/placement.ts";
import type { Db, Queryable } from "./connect.ts";
import type { Window } from "./pack_list.ts";

export interface ActionSummaryRow {
  id: number;
  ref: string;
  pack_ref: string;
  label: string;
  description: string | null;
  entrypoint: string;
  enabled: boolean;
  runtime: number | null;
  runtime_ref: string | null;
  runtime_version_constraint: string | null;
  required_worker_runtimes: Record<string, string>;
  worker_selector: Record<string, string>;
  worker_tolerations: Toleration[];
  worker_affinity: Affinity;
  workflow_def: number | null;
  accesses_mcp: boolean;
  default_execution_permission_set_refs: string[];
  timeout_seconds: number | null;
  reference_visibility: "public" | "private" | "restricted";
  reference_allowed_pack_refs: string[];
  artifact_retention_policy: string | null;
  artifact_retention_limit: number | null;
  log_retention_policy: string | null;
  log_retention_limit: number | null;
  created: string;
  updated: string;
}

/** An action as the API shows it (api.md 6). */
export interface ActionRow extends ActionSummaryRow {
  pack: number;
  param_schema: JsonObject | null;
  out_schema: JsonObject | null;
  is_adhoc: boolean;
}

export interface ActionHitRow {
  ref: string;
  pack_ref: string;
  label: string;
  description: string | null;
  runtime_ref: string | null;
  is_workflow: boolean;
  accesses_mcp: boolean;
  reference_visibility: "public" | "private" | "restricted";
}

/** Absent = any. */
export interface ActionFilter {
  /** Id. */
  pack?: number | undefined;
  /** Only what this pack may name. */
  referencing_pack_ref?: string | undefined;
  /** Only what somebody may execute who holds these. */
  executable?: Executable | undefined;
}

export interface Executable {
  /** May execute everything. */
  all: boolean;
  /** Else what these constraints of grants name; absent = any. */
  some: { refs?: string[]; pack_refs?: string[] }[];
  /** Sets that may be handed out. */
  delegable: string[];
}

// The row that the runtime's name stands for, chosen as `resolveRuntime` of the domain does.
function fromActions(sql: Queryable) {
  return sql`from action a left join lateral (
    select r.id, r.ref from runtime r
    where a.runtime in (r.name, r.ref, substr(r.ref, strpos(r.ref, '.') + 1))
      or a.runtime = any(r.aliases)
    order by case when r.ref like 'core.%' then 0 when r.ref like 'auto.%' then 2 else 1 end,
      r.ref collate "C" limit 1
  ) r on true`;
}

function summaryColumns(sql: Queryable) {
  return sql`a.id, a.ref, a.pack_ref, a.label, a.description, a.entry_point as entrypoint, a.enabled,
    r.id as runtime, r.ref as runtime_ref, a.runtime_version as runtime_version_constraint,
    a.required_worker_runtimes, a.worker_selector, a.worker_tolerations, a.worker_affinity,
    null::bigint as workflow_def, a.accesses_mcp, a.default_execution_permission_set_refs,
    a.timeout_seconds, a.reference_visibility, a.reference_allowed_pack_refs,
    a.artifact_retention_policy, a.artifact_retention_limit, a.log_retention_policy,
    a.log_retention_limit, a.created, a.updated`;
}

/** Actions by ref. */
export async function listActions(
  sql: Db,
  filter: ActionFilter,
  { limit, offset }: Window,
): Promise<ActionSummaryRow[]> {
  return await sql<ActionSummaryRow[]>`
    select ${summaryColumns(sql)} ${fromActions(sql)}
    where ${
    matches(sql, filter)
  } order by a.ref limit ${limit} offset ${offset}`;
}

/** How many rows {@linkcode listActions} has in all. */
export async function countActions(
  sql: Db,
  filter: ActionFilter,
): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*) from action a where ${matches(sql, filter)}`;
  return row!.count;
}

function matches(sql: Db, filter: ActionFilter) {
  const { pack, referencing_pack_ref: by, executable } = filter;
  return sql`true
    ${pack === undefined ? sql`` : sql`and a.pack = ${pack}`}
    ${
    by === undefined ? sql`` : sql`and (a.reference_visibility = 'public'
      or a.pack_ref = ${by}
      or (a.reference_visibility = 'restricted' and ${by} = any(a.reference_allowed_pack_refs)))`
  }
    ${executable === undefined ? sql`` : mayExecute(sql, executable)}`;
}

function mayExecute(sql: Db, { all, some, delegable }: Executable) {
  const allowed = some.reduce(
    (any, { refs, pack_refs }) =>
      sql`${any} or (
        (${refs === undefined} or a.ref = any(${refs ?? []}::text[])) and
        (${pack_refs === undefined} or a.pack_ref = any(${
        pack_refs ?? []
      }::text[])))`,
    sql`${all}`,
  );
  return sql`and (${allowed})
    and a.default_execution_permission_set_refs <@ ${delegable}::text[]`;
}

/** What an action search looks for; every word must occur somewhere. */
export interface ActionSearch {
  words: string[];
  pack_refs?: string[] | undefined;
}

/** Actions found, by ref. */
export async function searchActions(
  sql: Db,
  search: ActionSearch,
  { limit, offset }: Window,
): Promise<ActionHitRow[]> {
  return await sql<ActionHitRow[]>`
    select a.ref, a.pack_ref, a.label, a.description, r.ref as runtime_ref,
      a.workflow_file is not null as is_workflow, a.accesses_mcp, a.reference_visibility
    ${fromActions(sql)} where ${found(sql, search)}
    order by a.ref limit ${limit} offset ${offset}`;
}

/** How many rows {@linkcode searchActions} has in all. */
export async function countFoundActions(
  sql: Db,
  search: ActionSearch,
): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*) from action a where ${found(sql, search)}`;
  return row!.count;
}

function found(sql: Db, { words, pack_refs }: ActionSearch) {
  return sql`${
    pack_refs === undefined
      ? sql`true`
      : sql`a.pack_ref = any(${pack_refs}::text[])`
  } and not exists (
    select from unnest(${words}::text[]) word
    where strpos(lower(concat_ws(' ', a.ref, a.pack_ref, a.label, a.description)), lower(word)) = 0)`;
}

/** Undefined when there is none. */
export async function findAction(
  sql: Queryable,
  ref: string,
): Promise<ActionRow | undefined> {
  const [row] = await sql<ActionRow[]>`
    select ${
    summaryColumns(sql)
  }, a.pack, a.param_schema, a.out_schema, a.is_adhoc
    ${fromActions(sql)} where a.ref = ${ref}`;
  return row;
}
