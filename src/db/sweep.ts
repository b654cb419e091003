import type { ExecutionChange } from "../domain/changes.ts";
import type { ExecutionStatus } from "../domain/execution.ts";
import type { Queryable } from "./connect.ts";
import type { QueuedAttempt } from "./dispatch.ts";
import { changeColumns, type ChangeRow, toChange } from "./execution_change.ts";
import { statusOf } from "./status_of.ts";

const BATCH = 100;

/** Rows that one statement moved; `full`: there may be more. */
export interface Swept {
  changes: ExecutionChange[];
  full: boolean;
}

/**
 * `scheduled` -> `failed` for what no agent picked up within `timeoutMs`, and
 * `requested` -> `failed` for what waited for an agent that long; reason
 * `no_worker`.
 */
export async function failLate(
  sql: Queryable,
  { timeoutMs }: { timeoutMs: number },
): Promise<Swept> {
  const rows = await sql<(ChangeRow & { old_status: ExecutionStatus })[]>`
    with late as (
      select e.id, e.old_status, e.why
      from requirement r
      cross join lateral (
        (select e.id, e.status as old_status, 'every suitable agent stayed busy or away' as why
        from execution e
        where e.requirement = r.key and e.status = 'scheduled'
          and e.scheduled_at < now() - ${timeoutMs} * interval '1 ms'
        order by e.scheduled_at, e.id limit ${BATCH})
        union all
        (select e.id, e.status, 'it waited for ' || e.waiting_for
        from execution e
        where e.requirement = r.key and e.status = 'requested' and e.waiting_for is not null
          and e.due_at < now() - ${timeoutMs} * interval '1 ms'
        order by e.due_at, e.id limit ${BATCH})
      ) e
      limit ${BATCH}
    ), locked as (
      select e.id, l.old_status, l.why
      from late l
      join execution e on e.id = l.id and ${statusOf(sql)} = l.old_status
      order by e.id
      for update of e skip locked
    ), moved as (
      update execution e set status = 'failed', reason = 'no_worker', waiting_for = null,
        result = json_build_object('succeeded', false, 'error',
          format('no agent took it within %s s: %s', ${timeoutMs}::float8 / 1000, l.why)),
        finished_at = now(), updated = now()
      from locked l
      where e.id = l.id and ${statusOf(sql)} = l.old_status
      returning ${changeColumns(sql)}, l.old_status
    )
    select * from moved e order by e.id`;
  return {
    changes: rows.map((row) => toChange(row, row.old_status)),
    full: rows.length === BATCH,
  };
}

/** `requested` -> `failed`, reason `no_worker`, for what waits for an agent of a requirement that none can meet. */
export async function failWaiting(
  sql: Queryable,
  { key, error }: { key: string; error: string },
): Promise<Swept> {
  const rows = await sql<ChangeRow[]>`
    with locked as (
      select e.id from execution e
      where e.requirement = ${key} and e.status = 'requested' and e.waiting_for is not null
      order by e.due_at, e.id
      limit ${BATCH}
      for update of e skip locked
    ), moved as (
      update execution e set status = 'failed', reason = 'no_worker', waiting_for = null,
        result = json_build_object('succeeded', false, 'error', ${error}::text),
        finished_at = now(), updated = now()
      from locked l
      where e.id = l.id and ${statusOf(sql)} = 'requested'
      returning ${changeColumns(sql)}
    )
    select * from moved e order by e.id`;
  return {
    changes: rows.map((row) => toChange(row, "requested")),
    full: rows.length === BATCH,
  };
}

/** Requirements whose executions wait although an agent is there for them. */
export async function waitingInVain(sql: Queryable): Promise<string[]> {
  const rows = await sql<{ key: string }[]>`
    select r.key from requirement r
    cross join lateral (select from execution e
      where e.requirement = r.key and e.status = 'requested' and e.waiting_for is not null limit 1) e
    where exists (select from worker_requirement w where w.key = r.key)`;
  return rows.map((row) => row.key);
}

/** Work queues in which something has been for longer than `olderMs`, and how much. */
export async function oldQueues(
  sql: Queryable,
  { olderMs }: { olderMs: number },
): Promise<{ key: string; count: number }[]> {
  return await sql<{ key: string; count: number }[]>`
    select r.key, q.count
    from requirement r
    cross join lateral (
      select count(*) from execution e
      where e.requirement = r.key and e.status = 'scheduled'
        and e.scheduled_at < now() - ${olderMs} * interval '1 ms') q
    where q.count > 0`;
}

/** Marks the `limit` oldest scheduled attempts of a queue as sent once more. */
export async function resendOldest(
  sql: Queryable,
  { key, olderMs, limit }: { key: string; olderMs: number; limit: number },
): Promise<QueuedAttempt[]> {
  return await sql<QueuedAttempt[]>`
    with oldest as (
      select e.id from execution e
      where e.requirement = ${key} and e.status = 'scheduled'
        and e.scheduled_at < now() - ${olderMs} * interval '1 ms'
      order by e.scheduled_at, e.id
      limit ${limit}
      for update of e skip locked
    )
    update execution e set dispatches = e.dispatches + 1
    from oldest o
    where e.id = o.id and ${statusOf(sql)} = 'scheduled'
    returning e.id, e.attempt, e.requirement as key, e.dispatches`;
}
