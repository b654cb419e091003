import type { Queryable } from "./connect.ts";

const BATCH = 500;

/**
 * Deletes finished executions that were created longer ago than `days`, with
 * their logs and log versions; up to 500. Returns how many.
 */
export async function dropOldExecutions(
  sql: Queryable,
  { days }: { days: number },
): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    with old as (
      select id from execution
      where created < now() - ${days} * interval '1 day' and finished_at is not null
      order by created, id
      limit ${BATCH}
      for update skip locked
    ), logs as (
      delete from execution_log l using old where l.execution = old.id
    ), versions as (
      delete from artifact_version v using old where v.execution = old.id and v.log_stream is not null
    ), gone as (
      delete from execution e using old where e.id = old.id returning e.id
    )
    select count(*) from gone`;
  return row!.count;
}

/**
 * Deletes log versions that their artifact no longer keeps (`versions`, `days`,
 * `hours` or `minutes`), with the log itself; up to 500. Returns how many.
 * Versions that hold a file are left to whoever holds the files.
 */
export async function dropOldLogs(sql: Queryable): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    with old as (
      select v.id, v.execution, v.log_stream
      from artifact a
      cross join lateral (
        select v.id, v.execution, v.log_stream
        from artifact_version v
        where v.artifact = a.id and v.log_stream is not null and case a.retention_policy
          when 'versions' then v.version <= a.last_version - a.retention_limit
          else v.created < now() - a.retention_limit * case a.retention_policy
            when 'days' then interval '1 day' when 'hours' then interval '1 hour' else interval '1 minute' end
          end
        order by v.version
        limit ${BATCH}
      ) v
      where a.last_version > 0
      limit ${BATCH}
    ), logs as (
      delete from execution_log l using old o where l.execution = o.execution and l.stream = o.log_stream
    ), gone as (
      delete from artifact_version v using old o where v.id = o.id returning v.id
    )
    select count(*) from gone`;
  return row!.count;
}

/** Deletes agents that nobody has heard of for `days` and that hold nothing. Returns how many. */
export async function dropOldWorkers(
  sql: Queryable,
  { days }: { days: number },
): Promise<number> {
  const { count } = await sql`
    delete from worker w
    where coalesce(w.last_heartbeat, w.created) < now() - ${days} * interval '1 day' and not w.cordoned
      and not exists (select from execution e
        where e.worker = w.id and e.status in ('running', 'canceling'))`;
  return count;
}
