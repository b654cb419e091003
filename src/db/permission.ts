import type { Grant } from "../domain/pack.ts";
import type { Db } from "./connect.ts";

export interface CallerRow {
  id: number;
  login: string;
  frozen: boolean;
  /** Of all sets assigned to the identity. */
  grants: Grant[];
}

/** Identities with everything they may do, in the order asked for; undefined for those that are gone. */
export async function callersGrants(
  sql: Db,
  ids: readonly number[],
): Promise<(CallerRow | undefined)[]> {
  const rows = await sql<
    (Omit<CallerRow, "grants"> & { grants: Grant[] | null })[]
  >`
    select i.id, i.login, i.frozen, s.grants
    from unnest(${[...new Set(ids)]}::bigint[]) as asked (id)
    join identity i on i.id = asked.id
    left join permission_assignment a on a.identity = i.id
    left join permission_set s on s.id = a.permission_set`;
  const callers = new Map<number, CallerRow>();
  for (const { grants, ...identity } of rows) {
    const known = callers.get(identity.id)?.grants ?? [];
    callers.set(identity.id, {
      ...identity,
      grants: [...known, ...grants ?? []],
    });
  }
  return ids.map((id) => callers.get(id));
}

export interface GrantSet {
  ref: string;
  grants: Grant[];
}

export interface ExecutionAuthority {
  /** The identity that the execution acts for. */
  frozen: boolean;
  /** The execution is terminal: it has no authority any more. */
  ended: boolean;
  /** Those of the named sets that exist. */
  sets: GrantSet[];
}

/** What a running execution may do on behalf of `identity`. */
export async function authorityOf(
  sql: Db,
  { execution, identity, refs }: {
    execution: number;
    identity: number;
    refs: string[];
  },
): Promise<ExecutionAuthority> {
  const [row] = await sql<ExecutionAuthority[]>`
    select
      coalesce((select frozen from identity where id = ${identity}), false) as frozen,
      coalesce((select finished_at is not null from execution where id = ${execution}), false) as ended,
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
