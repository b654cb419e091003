import type { LogStream, OutcomeReport } from "../domain/agent_protocol.ts";
import type { ExecutionChange } from "../domain/changes.ts";
import {
  type ExecutionStatus,
  isFinalReason,
  REASONS,
} from "../domain/execution.ts";
import type { Queryable } from "./connect.ts";
import { changeColumns, type ChangeRow, toChange } from "./execution_change.ts";
import { logVersions } from "./log_version.ts";
import { attemptsLeft, retriedOn, retryWait } from "./retry_policy.ts";
import { statusOf } from "./status_of.ts";

/** An execution that is `requested` (again), and when it is due. */
export interface Due {
  id: number;
  /** Milliseconds from now; 0 = at once. */
  inMs: number;
}

export interface Moved {
  changes: ExecutionChange[];
  requested: Due[];
}

/**
 * `running` or `canceling` -> what each report says, for the attempt and lease
 * it names; reports of anything else change nothing. In the same statement:
 * the rows of next attempts, the log bytes that came along, and a version of
 * the log artifact for each stream that was written to.
 */
export async function settleOutcomes(
  sql: Queryable,
  reports: readonly OutcomeReport[],
): Promise<Moved> {
  if (reports.length === 0) return { changes: [], requested: [] };
  const pieces = reports.flatMap(({ id, attempt, logs }) =>
    logs.map((log) => ({ id, attempt, ...log }))
  ).filter((piece) => piece.data !== "");
  const wrote = reports.flatMap(streamsOf);
  // A statement pays for every part it has, also for those that find nothing to do.
  const retries = reports.some(({ status, reason }) =>
    status === "failed" && (reason === null || !isFinalReason(reason))
  );
  const rows = await sql<
    (ChangeRow & {
      old_status: ExecutionStatus | null;
      due_ms: number | null;
    })[]
  >`
    with report as (
      select * from unnest(
        ${reports.map((r) => r.id)}::bigint[], ${
    reports.map((r) => r.attempt)
  }::int[],
        ${reports.map((r) => r.lease)}::uuid[], ${
    reports.map((r) => r.status)
  }::text[],
        ${reports.map((r) => r.reason)}::text[],
        ${reports.map((r) => JSON.stringify(r.result))}::text[],
        ${
    reports.map((r) => r.isolation && JSON.stringify(r.isolation))
  }::text[],
        ${reports.map((r) => r.usage && JSON.stringify(r.usage))}::text[]
      ) as r (id, attempt, lease, status, reason, result, isolation, usage)
    ), locked as (
      select r.*, e.status as old_status
      from report r
      join execution e on e.id = r.id and e.attempt = r.attempt and e.lease_token = r.lease
      where ${statusOf(sql)} in ('running', 'canceling')
      order by e.id
      for update of e
    ), done as (
      update execution e set status = l.status, reason = l.reason, result = l.result::json,
        isolation = l.isolation::jsonb, usage = l.usage::jsonb, finished_at = now(),
        lease_token = null, lease_until = null, preparing = false, updated = now()
      from locked l
      where e.id = l.id and ${statusOf(sql)} in ('running', 'canceling')
      returning ${changeColumns(sql)}, l.old_status
    )${retries ? sql`, ${nextAttempts(sql)}` : sql``}${
    pieces.length > 0 ? sql`, ${inlineLogs(sql, pieces)}` : sql``
  }${wrote.length > 0 ? sql`, ${writtenVersions(sql, wrote)}` : sql``}
    select e.*, null::float8 as due_ms from done e
    ${
    retries
      ? sql`union all
    select ${changeColumns(sql)}, null as old_status,
      extract(epoch from e.due_at - now())::float8 * 1000
    from again e`
      : sql``
  }
    order by id`;
  return {
    changes: rows.map((row) => toChange(row, row.old_status ?? undefined)),
    requested: rows.flatMap(({ id, due_ms }) =>
      due_ms === null ? [] : [{ id, inMs: Math.max(0, due_ms) }]
    ),
  };
}

/** The rows of next attempts, from the CTE `done`. */
function nextAttempts(sql: Queryable) {
  return sql`again as (
      insert into execution (action, action_ref, config, env_vars, parent, enforcement, rule_ref, trigger_ref,
        executor, permission_set_refs, artifact_retention_policy, artifact_retention_limit, worker_selector,
        worker_tolerations, worker_affinity, timeout_seconds, workflow_task, original_execution, attempt, due_at)
      select e.action, e.action_ref, e.config, e.env_vars, e.parent, e.enforcement, e.rule_ref, e.trigger_ref,
        e.executor, e.permission_set_refs, e.artifact_retention_policy, e.artifact_retention_limit, e.worker_selector,
        e.worker_tolerations, e.worker_affinity, e.timeout_seconds, e.workflow_task,
        coalesce(e.original_execution, e.id), e.attempt + 1, now() + ${
    retryWait(sql)
  }
      from done d
      join execution e on e.id = d.id
      join action a on a.id = d.action
      where d.status = 'failed' and d.old_status = 'running' and a.retry is not null
        and not coalesce(d.reason = any(${FINAL}::text[]), false) and ${
    attemptsLeft(sql)
  }
        and ${
    retriedOn(
      sql,
      sql`case d.reason when 'timed_out' then 'timed_out' else 'failed' end`,
    )
  }
      order by e.id
      returning *
    )`;
}

type Piece = OutcomeReport["logs"][number] & { id: number; attempt: number };

/** Keeps the log bytes that came along, for what is `done`. */
function inlineLogs(sql: Queryable, pieces: readonly Piece[]) {
  return sql`piece as (
      select p.execution, p.attempt, p.stream, p.start, decode(p.data, 'base64') as data
      from unnest(${pieces.map((p) => p.id)}::bigint[], ${
    pieces.map((p) => p.attempt)
  }::int[], ${pieces.map((p) => p.stream)}::text[], ${
    pieces.map((p) => p.offset)
  }::bigint[], ${
    pieces.map((p) => p.data)
  }::text[]) as p (execution, attempt, stream, start, data)
      join done d on d.id = p.execution
    ), kept as (
      -- Chunks whose answer never arrived may be there already: only what follows them is new.
      insert into execution_log (execution, attempt, stream, start_offset, data)
      select p.execution, p.attempt, p.stream, greatest(p.start, s.stored),
        substring(p.data from (greatest(s.stored - p.start, 0) + 1)::int)
      from piece p
      cross join lateral (select coalesce((
        select l.start_offset + length(l.data) from execution_log l
        where l.execution = p.execution and l.attempt = p.attempt and l.stream = p.stream
        order by l.start_offset desc limit 1), 0) as stored) s
      where p.start + length(p.data) > s.stored
      on conflict do nothing
    )`;
}

interface Wrote {
  id: number;
  stream: LogStream;
  size: number | null;
}

/** A version of the log artifact for each stream that what is `done` wrote to. */
function writtenVersions(sql: Queryable, wrote: readonly Wrote[]) {
  return sql`wrote as (
      select d.id as execution, d.attempt, d.action, d.action_ref, w.stream, w.size
      from unnest(${wrote.map((w) => w.id)}::bigint[], ${
    wrote.map((w) => w.stream)
  }::text[], ${
    wrote.map((w) => w.size)
  }::bigint[]) as w (execution, stream, size)
      join done d on d.id = w.execution
    ), ${logVersions(sql)}`;
}

const FINAL = REASONS.filter(isFinalReason);

/** Streams an attempt wrote to, and their length where the report tells it. */
function streamsOf(
  report: OutcomeReport,
): Wrote[] {
  return (["stdout", "stderr"] as const).flatMap((stream) => {
    const ends = report.logs
      .filter((log) => log.stream === stream && log.data !== "")
      .map((log) => log.offset + byteLength(log.data));
    const size = ends.length === 0 ? null : Math.max(...ends);
    const written = size !== null ||
      report.result[`${stream}_log`] !== undefined;
    return written ? [{ id: report.id, stream, size }] : [];
  });
}

function byteLength(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return base64.length / 4 * 3 - padding;
}
