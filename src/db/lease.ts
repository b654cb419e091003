import { type Held, LEASE_MS } from "../domain/agent_protocol.ts";
import type { Queryable } from "./connect.ts";
import { statusOf } from "./status_of.ts";

export interface Renewed {
  /** Held attempts whose cancellation was asked for. */
  cancel: { id: number; attempt: number }[];
  /** Held attempts that are no longer this worker's. */
  gone: { id: number; attempt: number }[];
}

/**
 * Prolongs the leases a worker reports, running and unsettled alike. A lease
 * that ran out but that nobody took away yet is prolonged too.
 */
export async function renewLeases(
  sql: Queryable,
  workerId: number,
  held: readonly Held[],
  { leaseMs = LEASE_MS }: { leaseMs?: number } = {},
): Promise<Renewed> {
  const known = held.filter((h) => UUID.test(h.lease));
  const foreign = held.filter((h) => !UUID.test(h.lease));
  const rows = known.length === 0 ? [] : await sql<
    { id: number; attempt: number; status: "running" | "canceling" | null }[]
  >`
    with held as (
      select * from unnest(${known.map((h) => h.id)}::bigint[], ${
    known.map((h) => h.attempt)
  }::int[], ${known.map((h) => h.lease)}::uuid[]) as h (id, attempt, lease)
    ), locked as (
      select e.id, e.attempt
      from held h
      join execution e on e.id = h.id and e.attempt = h.attempt and e.lease_token = h.lease
      where ${
    statusOf(sql)
  } in ('running', 'canceling') and e.worker = ${workerId}
      order by e.id
      for update of e
    ), renewed as (
      update execution e set lease_until = now() + ${leaseMs} * interval '1 ms'
      from locked l
      where e.id = l.id and ${statusOf(sql)} in ('running', 'canceling')
      returning e.id, e.attempt, e.status
    )
    select h.id, h.attempt, r.status
    from held h
    left join renewed r on r.id = h.id and r.attempt = h.attempt`;
  return {
    cancel: rows.filter((row) => row.status === "canceling").map(toItem),
    gone: [...rows.filter((row) => row.status === null), ...foreign].map(
      toItem,
    ),
  };
}

/**
 * Begins (`preparing` true) or ends the phase in which losing the attempt
 * costs nothing, and prolongs the lease. False when the attempt is no longer
 * the worker's or is being cancelled: nothing may be spawned then.
 */
export async function setPreparing(
  sql: Queryable,
  workerId: number,
  held: Held,
  preparing: boolean,
  { leaseMs = LEASE_MS }: { leaseMs?: number } = {},
): Promise<boolean> {
  if (!UUID.test(held.lease)) return false;
  const rows = await sql`
    update execution set preparing = ${preparing}, lease_until = now() + ${leaseMs} * interval '1 ms'
    where id = ${held.id} and attempt = ${held.attempt} and lease_token = ${held.lease}::uuid
      and worker = ${workerId} and status = 'running'
    returning id`;
  return rows.length === 1;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function toItem({ id, attempt }: { id: number; attempt: number }) {
  return { id, attempt };
}
