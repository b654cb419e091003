import type { JsonObject } from "../domain/json.ts";
import { assign, given, jsonText } from "./assign.ts";
import type { Db } from "./connect.ts";
import { findPack, type PackRow } from "./pack_list.ts";
import { lockPack } from "./pack_store/pack_row.ts";

export interface NewPack {
  ref: string;
  label: string;
  description: string | null;
  version: string;
  conf_schema: JsonObject;
  config: JsonObject;
  meta: JsonObject;
  tags: string[];
  runtime_deps: string[];
  dependencies: string[];
  is_standard: boolean;
  owner_identity: number | null;
}

/** Adds a pack without files. Undefined when the ref is taken. */
export async function insertPack(
  sql: Db,
  pack: NewPack,
): Promise<PackRow | undefined> {
  const [row] = await sql`
    insert into pack (ref, label, description, version, conf_schema, config, meta,
      tags, runtime_deps, dependencies, is_standard, owner_identity)
    values (${pack.ref}, ${pack.label}, ${pack.description}, ${pack.version},
      ${jsonText(pack.conf_schema)}::text::json,
      ${jsonText(pack.config)}::text::json,
      ${jsonText(pack.meta)}::text::jsonb,
      ${pack.tags}::text[], ${pack.runtime_deps}::text[],
      ${pack.dependencies}::text[], ${pack.is_standard}, ${pack.owner_identity})
    on conflict (ref) do nothing returning id`;
  return row && await findPack(sql, pack.ref);
}

/** Absent keeps the value; `description: null` clears it. */
export type PackChange = {
  [Key in keyof Omit<NewPack, "ref" | "owner_identity">]?:
    | NewPack[Key]
    | undefined;
};

/** Undefined when the pack is gone. */
export async function updatePack(
  sql: Db,
  ref: string,
  change: PackChange,
): Promise<PackRow | undefined> {
  await sql`update pack set ${
    assign(sql, [
      given(change.label, (v) => sql`label = ${v}`),
      given(change.description, (v) => sql`description = ${v}`),
      given(change.version, (v) => sql`version = ${v}`),
      given(
        change.conf_schema,
        (v) => sql`conf_schema = ${jsonText(v)}::text::json`,
      ),
      given(change.config, (v) => sql`config = ${jsonText(v)}::text::json`),
      given(change.meta, (v) => sql`meta = ${jsonText(v)}::text::jsonb`),
      given(change.tags, (v) => sql`tags = ${v}::text[]`),
      given(change.runtime_deps, (v) => sql`runtime_deps = ${v}::text[]`),
      given(change.dependencies, (v) => sql`dependencies = ${v}::text[]`),
      given(change.is_standard, (v) => sql`is_standard = ${v}`),
    ])
  } where ref = ${ref}`;
  return await findPack(sql, ref);
}

export interface DeletePackOptions {
  /** Removes its tree; runs last, before the commit, so that a load of the same pack cannot come between. */
  removeFiles?: () => Promise<void>;
}

/**
 * Deletes the pack with all that belongs to it; other packs' triggers lose the
 * sensors it gave them. False when there was none.
 */
export function deletePack(
  sql: Db,
  ref: string,
  { removeFiles = () => Promise.resolve() }: DeletePackOptions = {},
): Promise<boolean> {
  return sql.begin(async (sql) => {
    await lockPack(sql, ref);
    await sql`
      update trigger t set sensor = null, sensor_ref = null, updated = now()
      from sensor s join pack p on p.id = s.pack
      where s.id = t.sensor and p.ref = ${ref}`;
    const rows = await sql`delete from pack where ref = ${ref} returning id`;
    if (rows.length === 1) await removeFiles();
    return rows.length === 1;
  });
}
