import type { ExecutionChange } from "../domain/changes.ts";
import type { ExecutionStatus } from "../domain/execution.ts";
import type { Queryable } from "./connect.ts";
import { changeColumns, type ChangeRow, toChange } from "./execution_change.ts";
import { statusOf } from "./status_of.ts";

export interface CancelAnswer {
  /** The status that was found. Terminal or `canceling`: nothing changed. */
  before: ExecutionStatus;
  status: ExecutionStatus;
  /** Who runs it: wants a nudge when the status is `canceling` now. */
  worker: number | null;
  changes: ExecutionChange[];
}

/**
 * Records the wish to cancel (api.md 3.10): what has not started is
 * `cancelled` at once, children that have not started with it; what runs is
 * `canceling` until its agent reports. Undefined when there is no such row.
 */
export async function requestCancel(
  sql: Queryable,
  id: number,
): Promise<CancelAnswer | undefined> {
  const rows = await sql<
    (ChangeRow & { old_status: ExecutionStatus; worker: number | null })[]
  >`
    with before as (
      select b.id, b.status, b.worker from execution b where b.id = ${id} for update
    ), child as (
      select c.id, c.status
      from before b
      join execution c on c.parent = b.id
      where c.status in ('requested', 'scheduling', 'scheduled')
        and b.status in ('requested', 'scheduling', 'scheduled', 'running')
      order by c.id
      for update of c
    ), wanted as materialized (
      select id, status, 'Cancelled by user before execution started' as error from before
      union all
      select id, status, format('Cancelled before execution started, with its parent execution %s', ${id}::bigint) from child
    ), moved as (
      update execution e set
        status = case when e.status = 'running' then 'canceling' else 'cancelled' end,
        reason = case when e.status = 'running' then null else 'cancelled' end,
        result = case when e.status = 'running' then e.result
          else json_build_object('succeeded', false, 'error', w.error) end,
        finished_at = case when e.status = 'running' then null else now() end,
        cancel_requested_at = now(),
        waiting_for = null,
        updated = now()
      from wanted w
      -- Of e, not of w: constraints are checked on the row as of the statement's start
      -- before the row is found to be newer, and w is as of the lock.
      where e.id = w.id and ${
    statusOf(sql)
  } in ('requested', 'scheduling', 'scheduled', 'running')
      returning ${changeColumns(sql)}, w.status as old_status, e.worker
    )
    select * from moved e
    order by e.id`;
  const changes = rows.map((row) => toChange(row, row.old_status));
  const own = rows.find((row) => row.id === id);
  if (own !== undefined) {
    return {
      before: own.old_status,
      status: own.status,
      worker: own.worker,
      changes,
    };
  }
  const [row] = await sql<{ status: ExecutionStatus; worker: number | null }[]>`
    select status, worker from execution where id = ${id}`;
  return row && { before: row.status, ...row, changes };
}
