import type { Held } from "../domain/agent_protocol.ts";
import type { ExecutionStatus } from "../domain/execution.ts";
import type { Queryable } from "./connect.ts";
import { changeColumns, type ChangeRow, toChange } from "./execution_change.ts";
import { logVersions } from "./log_version.ts";
import { attemptsLeft, retriedOn, retryWait } from "./retry_policy.ts";
import type { Moved } from "./settle.ts";
import { statusOf } from "./status_of.ts";

/** Which held attempts are lost. */
export type LostSource =
  /** Those whose lease ran out. */
  | { expired: true }
  /** Everything a worker holds but what it says it still has. */
  | { worker: number; except: readonly Held[] }
  /** Those an agent gave up under a lease that still held. */
  | { held: readonly Held[] };

const BATCH = 100;

/**
 * Ends the lease of up to 100 lost attempts (packs.md 2.3). `running` ->
 * `requested` with the same attempt (it was preparing) or the next one (the
 * action allows it), else `abandoned`; `canceling` -> `cancelled`.
 */
export async function loseExecutions(
  sql: Queryable,
  source: LostSource,
): Promise<Moved & { full: boolean }> {
  const rows = await sql<
    (ChangeRow & { old_status: ExecutionStatus; due_ms: number })[]
  >`
    with lost as (
      select e.id, e.status as old_status, w.name as worker, case
          when e.status = 'canceling' then 'cancel'
          when e.preparing then 'back'
          when (a.idempotent or ${retriedOn(sql, sql`'lost'`)}) and ${
    attemptsLeft(sql)
  } then 'again'
          else 'abandon' end as verdict,
        ${retryWait(sql)} as wait
      from execution e
      left join action a on a.id = e.action
      left join worker w on w.id = e.worker
      where e.status in ('running', 'canceling') and ${conditionOf(sql, source)}
      order by e.id
      limit ${BATCH}
      for update of e skip locked
    ), moved as (
      update execution e set
        status = case l.verdict when 'cancel' then 'cancelled' when 'abandon' then 'abandoned' else 'requested' end,
        reason = case l.verdict when 'cancel' then 'cancelled' when 'abandon' then 'lost' end,
        result = case l.verdict
          when 'cancel' then json_build_object('succeeded', false, 'error', 'Execution cancelled by user', 'cancelled', true)
          when 'abandon' then json_build_object('succeeded', false, 'error',
            format('The worker %s was lost while the execution ran; nothing runs again as the action is not idempotent and its retry policy does not allow it', coalesce(l.worker, e.worker::text)))
          else e.result end,
        attempt = e.attempt + (l.verdict = 'again')::int,
        due_at = case l.verdict when 'again' then now() + l.wait when 'back' then now() else e.due_at end,
        finished_at = case when l.verdict in ('cancel', 'abandon') then now() end,
        worker = case when l.verdict in ('cancel', 'abandon') then e.worker end,
        started_at = case when l.verdict in ('cancel', 'abandon') then e.started_at end,
        scheduled_at = case when l.verdict in ('cancel', 'abandon') then e.scheduled_at end,
        lease_token = null, lease_until = null, preparing = false, updated = now()
      from lost l
      where e.id = l.id and ${statusOf(sql)} in ('running', 'canceling')
      returning ${
    changeColumns(sql)
  }, l.old_status, extract(epoch from e.due_at - now())::float8 * 1000 as due_ms
    ), wrote as (
      select e.id as execution, e.attempt, e.action, e.action_ref, s.stream, null::bigint as size
      from moved e
      cross join unnest(array['stdout', 'stderr']) as s (stream)
      where e.finished_at is not null and exists (
        select from execution_log l where l.execution = e.id and l.attempt = e.attempt and l.stream = s.stream)
    ), ${logVersions(sql)}
    select * from moved e
    order by e.id`;
  return {
    changes: rows.map((row) => toChange(row, row.old_status)),
    requested: rows.flatMap(({ id, status, due_ms }) =>
      status === "requested" ? [{ id, inMs: Math.max(0, due_ms) }] : []
    ),
    full: rows.length === BATCH,
  };
}

function conditionOf(sql: Queryable, source: LostSource) {
  if ("expired" in source) return sql`e.lease_until < now()`;
  if ("worker" in source) {
    return sql`e.worker = ${source.worker} and not ${
      isHeld(sql, source.except)
    }`;
  }
  return isHeld(sql, source.held);
}

function isHeld(sql: Queryable, held: readonly Held[]) {
  return sql`(e.id, e.attempt, e.lease_token) in (
    select * from unnest(${held.map((h) => h.id)}::bigint[], ${
    held.map((h) => h.attempt)
  }::int[], ${held.map((h) => h.lease)}::uuid[]))`;
}

/**
 * Everything a worker held is lost at once, as its process is known to be
 * dead. The caller publishes the changes and says that the ids are requested.
 */
export async function expireLeasesOf(
  sql: Queryable,
  workerId: number,
  except: readonly Held[] = [],
): Promise<Moved> {
  const { full, changes, requested } = await loseExecutions(sql, {
    worker: workerId,
    except,
  });
  if (!full) return { changes, requested };
  const rest = await expireLeasesOf(sql, workerId, except);
  return {
    changes: [...changes, ...rest.changes],
    requested: [...requested, ...rest.requested],
  };
}
