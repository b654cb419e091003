import type { Db } from "./connect.ts";

export interface IdentityRow {
  id: number;
  login: string;
  display_name: string | null;
  /** PHC string; null = nobody can log in with a password. */
  password_hash: string | null;
  frozen: boolean;
}

/** Undefined when there is none. */
export async function findIdentity(
  sql: Db,
  id: number,
): Promise<IdentityRow | undefined> {
  const [row] = await sql<IdentityRow[]>`
    select id, login, display_name, password_hash, frozen from identity where id = ${id}`;
  return row;
}

/** Undefined when there is none. Logins are compared exactly. */
export async function findIdentityByLogin(
  sql: Db,
  login: string,
): Promise<IdentityRow | undefined> {
  const [row] = await sql<IdentityRow[]>`
    select id, login, display_name, password_hash, frozen from identity where login = ${login}`;
  return row;
}

export interface NewIdentity {
  login: string;
  display_name: string | null;
  password_hash: string;
}

/** Undefined when the login is taken. */
export async function insertIdentity(
  sql: Db,
  { login, display_name, password_hash }: NewIdentity,
): Promise<IdentityRow | undefined> {
  const [row] = await sql<IdentityRow[]>`
    insert into identity (login, display_name, password_hash)
    values (${login}, ${display_name}, ${password_hash})
    on conflict (login) do nothing
    returning id, login, display_name, password_hash, frozen`;
  return row;
}

/**
 * Creates an identity that holds a permission set, in one step. `taken` when
 * the login exists (it is left alone), `no_set` when the set does not.
 */
export async function insertIdentityWithSet(
  sql: Db,
  { login, display_name, password_hash }: NewIdentity,
  setRef: string,
): Promise<"created" | "taken" | "no_set"> {
  const [row] = await sql<{ has_set: boolean; created: number }[]>`
    with held as (select id from permission_set where ref = ${setRef}),
    made as (
      insert into identity (login, display_name, password_hash)
      select ${login}, ${display_name}, ${password_hash} from held
      on conflict (login) do nothing returning id),
    assigned as (
      insert into permission_assignment (identity, permission_set)
      select made.id, held.id from made, held returning id)
    select exists (select from held) as has_set, (select count(*) from assigned) as created`;
  if (!row!.has_set) return "no_set";
  return row!.created === 1 ? "created" : "taken";
}

/** Sets the shown name; null clears it. */
export async function setDisplayName(
  sql: Db,
  id: number,
  name: string | null,
): Promise<void> {
  await sql`update identity set display_name = ${name}, updated = now() where id = ${id}`;
}

/** Replaces the password, unless it changed since `oldHash` was read: then false. */
export async function setPasswordHash(
  sql: Db,
  id: number,
  { oldHash, newHash }: { oldHash: string; newHash: string },
): Promise<boolean> {
  const rows = await sql`
    update identity set password_hash = ${newHash}, updated = now()
    where id = ${id} and password_hash = ${oldHash} returning id`;
  return rows.length === 1;
}
