import type { Queryable } from "./connect.ts";

export type ServiceRole = "api" | "scheduler";

/** A process not seen for this long counts as dead. */
const ALIVE_MS = 5_000;

/**
 * Takes or renews the lease of a loop that must run once. False when somebody
 * else holds it: try again after a while.
 */
export async function acquireLease(
  sql: Queryable,
  name: string,
  holder: string,
  ttlMs: number,
): Promise<boolean> {
  const rows = await sql`
    insert into service_lease as l (name, holder, held_until)
    values (${name}, ${holder}, clock_timestamp() + ${ttlMs} * interval '1 ms')
    on conflict (name) do update set holder = excluded.holder, held_until = excluded.held_until
      where l.holder = excluded.holder or l.held_until < clock_timestamp()
    returning name`;
  return rows.length === 1;
}

/** Lets the next one have it at once; nothing when `holder` does not hold it. */
export async function releaseLease(
  sql: Queryable,
  name: string,
  holder: string,
): Promise<void> {
  await sql`delete from service_lease where name = ${name} and holder = ${holder}`;
}

/**
 * Says that a process lives; call it every second or two. After a silence of
 * 5 s the process counts as begun anew. Rows a day old are forgotten.
 */
export async function touchService(
  sql: Queryable,
  { id, role }: { id: string; role: ServiceRole },
): Promise<void> {
  await sql`
    with forgotten as (
      delete from service where seen_at < now() - interval '1 day' and id <> ${id}
    )
    insert into service as s (id, role) values (${id}, ${role})
    on conflict (id) do update set
      role = excluded.role,
      seen_at = now(),
      started_at = case
        when s.seen_at < now() - ${ALIVE_MS} * interval '1 ms' then now()
        else s.started_at end`;
}

/** The process leaves in good order. */
export async function removeService(
  sql: Queryable,
  id: string,
): Promise<void> {
  await sql`delete from service where id = ${id}`;
}

/**
 * For how many milliseconds at least one api process has been alive without a
 * break, up to now; null when none is. While that is short, an agent that was
 * not heard of may have had nobody to talk to.
 */
export async function controlPlaneUpFor(
  sql: Queryable,
): Promise<{ apiMs: number | null }> {
  // Walks back in time from the newest: a process bridges to the one after it when it was seen no more than 5 s before that one's start.
  const [row] = await sql<{ apiMs: number | null }[]>`
    with recursive api as (
      select started_at, seen_at from service where role = 'api'
    ), up (since) as (
      select min(started_at) from api where seen_at >= now() - ${ALIVE_MS} * interval '1 ms'
      union
      select (select min(a.started_at) from api a
        where a.started_at < up.since and a.seen_at >= up.since - ${ALIVE_MS} * interval '1 ms')
      from up where up.since is not null
    )
    select extract(epoch from now() - min(since))::float8 * 1000 as "apiMs" from up`;
  return { apiMs: row?.apiMs ?? null };
}
