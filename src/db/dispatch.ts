import type { ExecutionChange } from "../domain/changes.ts";
import type { Reason } from "../domain/execution.ts";
import type { Affinity, Toleration } from "../domain/placement.ts";
import type { Db, Queryable } from "./connect.ts";
import { changeColumns, type ChangeRow, toChange } from "./execution_change.ts";
import { statusOf } from "./status_of.ts";

/** Most rows one statement moves. */
export const BATCH = 100;

/** Which requested executions to look at; only those that are due. */
export type DispatchSource =
  /** Those named, waiting ones included. */
  | { ids: readonly number[] }
  /** The oldest that do not wait for an agent. */
  | { oldest: true }
  /** The oldest that wait for an agent of this requirement. */
  | { waitingFor: string };

/** One attempt that is in a work queue, or belongs there. */
export interface QueuedAttempt {
  id: number;
  attempt: number;
  /** Requirement key. */
  key: string;
  dispatches: number;
}

/** A requested execution that takes more than a look into the tables to decide. */
export interface Undecided {
  id: number;
  attempt: number;
  action_ref: string;
  waiting_for: string | null;
  worker_selector: Record<string, string> | null;
  worker_tolerations: Toleration[] | null;
  worker_affinity: Affinity | null;
  /** Null: the action was deleted. */
  action: {
    enabled: boolean;
    pack_enabled: boolean;
    pack_ref: string;
    workflow: boolean;
    runtime: string | null;
    runtime_version: string | null;
    required_worker_runtimes: Record<string, string>;
    worker_selector: Record<string, string>;
    worker_tolerations: Toleration[];
    worker_affinity: Affinity;
  } | null;
}

export interface Dispatched {
  /** Rows looked at; less than {@linkcode BATCH} means there are no more. */
  picked: number;
  queued: QueuedAttempt[];
  undecided: Undecided[];
  changes: ExecutionChange[];
}

type PickedRow = ChangeRow & {
  picked_id: number;
  requirement: string;
  dispatches: number;
  undecided: Undecided | null;
};

/**
 * `requested` -> `scheduled` for up to {@linkcode BATCH} executions whose
 * requirement is known and has a live agent; what is not that simple is
 * returned as it is. Rows that somebody else holds are passed over.
 */
export async function dispatchExecutions(
  sql: Db,
  source: DispatchSource,
): Promise<Dispatched> {
  const rows = await sql<PickedRow[]>`
    with picked as materialized (
      select e.id, e.action, e.attempt, e.action_ref, e.waiting_for, e.due_at,
        e.worker_selector, e.worker_tolerations, e.worker_affinity
      from execution e
      where e.due_at <= now() and ${conditionOf(sql, source)}
      order by ${"ids" in source ? sql`e.id` : sql`e.due_at, e.id`}
      limit ${BATCH}
      for update of e skip locked
    ), ready as materialized (
      select p.id, r.key
      from picked p
      join action a on a.id = p.action and a.enabled
      join pack k on k.id = a.pack and k.enabled
      join action_requirement r on r.action = a.id and r.action_updated = a.updated
      where p.worker_selector is null and p.worker_tolerations is null and p.worker_affinity is null
        and exists (select from worker_requirement w where w.key = r.key)
    ), moved as (
      update execution e set status = 'scheduled', requirement = r.key, waiting_for = null,
        scheduled_at = now(), dispatches = e.dispatches + 1, updated = now()
      from ready r
      where e.id = r.id and ${statusOf(sql)} = 'requested'
      returning ${changeColumns(sql)}, e.requirement, e.dispatches
    )
    select e.*, p.id as picked_id, case when e.id is null then json_build_object(
      'id', p.id, 'attempt', p.attempt, 'action_ref', p.action_ref, 'waiting_for', p.waiting_for,
      'worker_selector', p.worker_selector, 'worker_tolerations', p.worker_tolerations,
      'worker_affinity', p.worker_affinity,
      'action', (
        select json_build_object('enabled', a.enabled, 'pack_enabled', k.enabled, 'pack_ref', k.ref,
          'workflow', a.workflow_file is not null, 'runtime', a.runtime, 'runtime_version', a.runtime_version,
          'required_worker_runtimes', a.required_worker_runtimes, 'worker_selector', a.worker_selector,
          'worker_tolerations', a.worker_tolerations, 'worker_affinity', a.worker_affinity)
        from action a join pack k on k.id = a.pack
        where a.id = p.action)) end as undecided
    from picked p
    left join moved e on e.id = p.id
    order by p.due_at, p.id`;
  const moved = rows.filter((row) => row.undecided === null);
  return {
    picked: rows.length,
    queued: moved.map(toQueued),
    undecided: rows.flatMap((row) => row.undecided ?? []),
    changes: moved.map((row) => toChange(row, "requested")),
  };
}

function conditionOf(sql: Db, source: DispatchSource) {
  if ("ids" in source) {
    return sql`e.id = any(${[...source.ids]}::bigint[]) and ${
      statusOf(sql)
    } = 'requested'`;
  }
  if ("oldest" in source) {
    return sql`e.status = 'requested' and e.waiting_for is null`;
  }
  return sql`e.status = 'requested' and e.waiting_for is not null
    and e.requirement = ${source.waitingFor}`;
}

/** What becomes of a requested execution. */
export type Decision =
  & { id: number; attempt: number }
  & (
    | { verdict: "queue"; key: string }
    | { verdict: "wait"; key: string; waitingFor: string }
    | { verdict: "fail"; reason: Reason; error: string }
  );

/** Carries out decisions on rows that are still `requested` and of that attempt. */
export async function applyDecisions(
  sql: Queryable,
  decisions: readonly Decision[],
): Promise<{ queued: QueuedAttempt[]; changes: ExecutionChange[] }> {
  if (decisions.length === 0) return { queued: [], changes: [] };
  const rows = await sql<
    (ChangeRow & { requirement: string; dispatches: number })[]
  >`
    with decision as (
      select * from unnest(
        ${decisions.map((d) => d.id)}::bigint[], ${
    decisions.map((d) => d.attempt)
  }::int[],
        ${decisions.map((d) => d.verdict)}::text[],
        ${decisions.map((d) => d.verdict === "fail" ? null : d.key)}::text[],
        ${decisions.map(textOf)}::text[],
        ${decisions.map((d) => d.verdict === "fail" ? d.reason : null)}::text[]
      ) as d (id, attempt, verdict, key, text, reason)
    ), locked as (
      select d.* from decision d
      join execution e on e.id = d.id and e.attempt = d.attempt
      where ${statusOf(sql)} = 'requested'
      order by e.id
      for update of e
    ), moved as (
      update execution e set
        status = case l.verdict when 'queue' then 'scheduled' when 'fail' then 'failed' else e.status end,
        requirement = coalesce(l.key, e.requirement),
        waiting_for = case when l.verdict = 'wait' then l.text end,
        scheduled_at = case when l.verdict = 'queue' then now() end,
        dispatches = e.dispatches + (l.verdict = 'queue')::int,
        reason = l.reason,
        result = case when l.verdict = 'fail'
          then json_build_object('succeeded', false, 'error', l.text) else e.result end,
        finished_at = case when l.verdict = 'fail' then now() end,
        updated = now()
      from locked l
      where e.id = l.id and ${statusOf(sql)} = 'requested'
      returning ${changeColumns(sql)}, e.requirement, e.dispatches
    )
    select * from moved e
    order by e.id`;
  return {
    queued: rows.filter((row) => row.status === "scheduled").map(toQueued),
    changes: rows.filter((row) => row.status !== "requested").map((row) =>
      toChange(row, "requested")
    ),
  };
}

function textOf(decision: Decision): string | null {
  switch (decision.verdict) {
    case "queue":
      return null;
    case "wait":
      return decision.waitingFor;
    case "fail":
      return decision.error;
  }
}

function toQueued(
  row: ChangeRow & { requirement: string; dispatches: number },
): QueuedAttempt {
  return {
    id: row.id,
    attempt: row.attempt,
    key: row.requirement,
    dispatches: row.dispatches,
  };
}

/** Milliseconds until the next requested execution that waits for its time is due; undefined when none does. */
export async function nextDueIn(sql: Db): Promise<number | undefined> {
  const [row] = await sql<{ ms: number }[]>`
    select extract(epoch from due_at - now())::float8 * 1000 as ms
    from execution
    where status = 'requested' and waiting_for is null and due_at > now()
    order by due_at limit 1`;
  return row?.ms;
}
