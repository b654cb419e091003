import type { Grant } from "../domain/pack.ts";
import type { Db } from "./connect.ts";

export interface CallerRow {
  id: number;
  login: string;
  frozen: boolean;
  /** Of all sets assigned to the identity. */
  grants: Grant[];
}

/** An identity with everything it may do; undefined when it is gone. */
export async function callerGrants(
  sql: Db,
  id: number,
): Promise<CallerRow | undefined> {
  const [row] = await sql<CallerRow[]>`
    select i.id, i.login, i.frozen, coalesce((
      select jsonb_agg(g) from permission_assignment a
      join permission_set s on s.id = a.permission_set
      cross join jsonb_array_elements(s.grants) g
      where a.identity = i.id), '[]') as grants
    from identity i where i.id = ${id}`;
  return row;
}

export interface GrantSet {
  ref: string;
  grants: Grant[];
}

/** Those of the named sets that exist, and whether the identity that uses them is frozen. */
export async function grantsOfSets(
  sql: Db,
  identity: number,
  refs: string[],
): Promise<{ frozen: boolean; sets: GrantSet[] }> {
  const [row] = await sql<{ frozen: boolean; sets: GrantSet[] }[]>`
    select
      coalesce((select frozen from identity where id = ${identity}), false) as frozen,
      coalesce((
        select jsonb_agg(jsonb_build_object('ref', ref, 'grants', grants))
        from permission_set where ref = any(${refs}::text[])), '[]') as sets`;
  return row!;
}

/** Those of the named sets that exist. */
export async function findPermissionSets(
  sql: Db,
  refs: string[],
): Promise<GrantSet[]> {
  return await sql<GrantSet[]>`
    select ref, grants from permission_set where ref = any(${refs}::text[])`;
}

/** Refs of the sets assigned to an identity, sorted. */
export async function assignedSetRefs(
  sql: Db,
  identity: number,
): Promise<string[]> {
  const rows = await sql<{ ref: string }[]>`
    select s.ref from permission_assignment a
    join permission_set s on s.id = a.permission_set
    where a.identity = ${identity} order by s.ref collate "C"`;
  return rows.map(({ ref }) => ref);
}

/** All permission sets. */
export async function listPermissionSets(sql: Db): Promise<GrantSet[]> {
  return await sql<
    GrantSet[]
  >`select ref, grants from permission_set order by ref`;
}
