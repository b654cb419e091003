import type { JsonObject } from "../domain/json.ts";
import { canonicalRuntime } from "../domain/runtime_name.ts";
import { assign, given, jsonText } from "./assign.ts";
import type { Db, Queryable } from "./connect.ts";
import type { Window } from "./pack_list.ts";

export interface RuntimeSummaryRow {
  id: number;
  ref: string;
  pack_ref: string | null;
  description: string | null;
  name: string;
  created: string;
  updated: string;
}

/** A runtime as the API shows it (api.md 6). */
export interface RuntimeRow extends RuntimeSummaryRow {
  pack: number | null;
  distributions: JsonObject;
  installation: JsonObject | null;
  execution_config: JsonObject;
}

// `name` is canonical; what somebody called an ad-hoc runtime is its label.
function summaryColumns(sql: Queryable) {
  return sql`id, ref, pack_ref, description,
    case when is_adhoc then coalesce(label, name) else name end as name, created, updated`;
}

/** Runtimes by ref, of one pack when it is given. */
export async function listRuntimes(
  sql: Db,
  packRef: string | undefined,
  { limit, offset }: Window,
): Promise<RuntimeSummaryRow[]> {
  return await sql<RuntimeSummaryRow[]>`
    select ${summaryColumns(sql)} from runtime
    ${packRef === undefined ? sql`` : sql`where pack_ref = ${packRef}`}
    order by ref limit ${limit} offset ${offset}`;
}

/** How many rows {@linkcode listRuntimes} has in all. */
export async function countRuntimes(
  sql: Db,
  packRef: string | undefined,
): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*) from runtime
    ${packRef === undefined ? sql`` : sql`where pack_ref = ${packRef}`}`;
  return row!.count;
}

/** Canonical name of the runtime with an id or ref; undefined when there is none. */
export async function findRuntimeName(
  sql: Queryable,
  by: { ref: string } | { id: number },
): Promise<string | undefined> {
  const [row] = await sql<{ name: string }[]>`
    select name from runtime where ${
    "ref" in by ? sql`ref = ${by.ref}` : sql`id = ${by.id}`
  }`;
  return row?.name;
}

/** Which file extension (`.py`) stands for which runtime; the core pack's first. */
export async function listRuntimeExtensions(
  sql: Queryable,
): Promise<{ name: string; extension: string }[]> {
  return await sql<{ name: string; extension: string }[]>`
    select name, '.' || ltrim(coalesce(execution_config #>> '{interpreter,file_extension}',
      execution_config ->> 'file_extension'), '.') as extension
    from runtime
    where coalesce(execution_config #>> '{interpreter,file_extension}',
      execution_config ->> 'file_extension') is not null
    order by ref not like 'core.%', ref`;
}

/** Undefined when there is none. */
export async function findRuntime(
  sql: Queryable,
  ref: string,
): Promise<RuntimeRow | undefined> {
  const [row] = await sql<RuntimeRow[]>`
    select ${
    summaryColumns(sql)
  }, pack, distributions, installation, execution_config
    from runtime where ref = ${ref}`;
  return row;
}

export interface RuntimeFields {
  /** As given; stored in its canonical spelling too. */
  name: string;
  description: string | null;
  distributions: JsonObject;
  installation: JsonObject | null;
  execution_config: JsonObject;
}

/** Adds an ad-hoc runtime. Undefined when the ref is taken. */
export async function insertRuntime(
  sql: Db,
  runtime: RuntimeFields & {
    ref: string;
    pack: number | null;
    pack_ref: string | null;
  },
): Promise<RuntimeRow | undefined> {
  const { ref, pack, pack_ref, name, description } = runtime;
  const [row] = await sql`
    insert into runtime (ref, pack, pack_ref, name, label, description, distributions,
      installation, execution_config, is_adhoc)
    values (${ref}, ${pack}, ${pack_ref}, ${
    canonicalRuntime(name)
  }, ${name}, ${description},
      ${jsonText(runtime.distributions)}::text::jsonb,
      ${jsonText(runtime.installation)}::text::jsonb,
      ${jsonText(runtime.execution_config)}::text::json, true)
    on conflict (ref) do nothing returning id`;
  return row && await findRuntime(sql, ref);
}

/** Absent keeps the value; undefined when the runtime is gone. */
export async function updateRuntime(
  sql: Db,
  ref: string,
  change: { [Key in keyof RuntimeFields]?: RuntimeFields[Key] | undefined },
): Promise<RuntimeRow | undefined> {
  await sql`update runtime set ${
    assign(sql, [
      given(
        change.name,
        (v) => sql`name = ${canonicalRuntime(v)}, label = ${v}`,
      ),
      given(change.description, (v) => sql`description = ${v}`),
      given(
        change.distributions,
        (v) => sql`distributions = ${jsonText(v)}::text::jsonb`,
      ),
      given(
        change.installation,
        (v) => sql`installation = ${jsonText(v)}::text::jsonb`,
      ),
      given(
        change.execution_config,
        (v) => sql`execution_config = ${jsonText(v)}::text::json`,
      ),
    ])
  } where ref = ${ref}`;
  return await findRuntime(sql, ref);
}

/** False when there was none. */
export async function deleteRuntime(sql: Db, ref: string): Promise<boolean> {
  const rows = await sql`delete from runtime where ref = ${ref} returning id`;
  return rows.length === 1;
}
