import type { JsonObject } from "../domain/json.ts";
import type { Db, Queryable } from "./connect.ts";

export interface PackSummaryRow {
  id: number;
  ref: string;
  label: string;
  description: string | null;
  version: string;
  tags: string[];
  is_standard: boolean;
  created: string;
  updated: string;
}

/** A pack as the API shows it (api.md 6), and who owns it. */
export interface PackRow extends PackSummaryRow {
  conf_schema: JsonObject;
  config: JsonObject;
  meta: JsonObject;
  runtime_deps: string[];
  dependencies: string[];
  owner_identity: number | null;
}

/** Which packs somebody may see (api.md 2.6), besides standard ones. */
export interface PackSight {
  /** Sees packs that nobody owns, and those of `identity`. */
  readsAll: boolean;
  identity: number;
  /** Packs named by constrained grants. */
  refs: string[];
}

export interface Window {
  limit: number;
  offset: number;
}

/** Packs that may be seen, by ref. */
export async function listPacks(
  sql: Db,
  sight: PackSight,
  { limit, offset }: Window,
): Promise<PackSummaryRow[]> {
  return await sql<PackSummaryRow[]>`
    select id, ref, label, description, version, tags, is_standard, created, updated
    from pack where ${visible(sql, sight)}
    order by ref limit ${limit} offset ${offset}`;
}

/** How many rows {@linkcode listPacks} has in all. */
export async function countPacks(sql: Db, sight: PackSight): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*) from pack where ${visible(sql, sight)}`;
  return row!.count;
}

function visible(sql: Db, { readsAll, identity, refs }: PackSight) {
  return sql`(is_standard or ref = any(${refs}::text[])
    or (${readsAll} and (owner_identity is null or owner_identity = ${identity})))`;
}

/** Undefined when there is none. */
export async function findPack(
  sql: Queryable,
  ref: string,
): Promise<PackRow | undefined> {
  const [row] = await sql<PackRow[]>`
    select id, ref, label, description, version, tags, is_standard, created, updated,
      conf_schema, config, meta, runtime_deps, dependencies, owner_identity
    from pack where ref = ${ref}`;
  return row;
}

/** SHA-256 of the installed tree; null for a pack without files, undefined for none. */
export async function findPackHash(
  sql: Queryable,
  ref: string,
): Promise<string | null | undefined> {
  const [row] = await sql<{ content_hash: string | null }[]>`
    select content_hash from pack where ref = ${ref}`;
  return row?.content_hash;
}
