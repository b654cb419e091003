import type { ExecutionStatus } from "../domain/execution.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Db, Queryable } from "./connect.ts";
import {
  executionColumns,
  type ExecutionRow,
  type ExecutionSummaryRow,
  summaryColumns,
} from "./execution_row.ts";

/** Absent = any. Refs may hold `*`. */
export interface ExecutionFilter {
  status?: ExecutionStatus | undefined;
  action_ref?: string | undefined;
  pack_name?: string | undefined;
  rule_ref?: string | undefined;
  trigger_ref?: string | undefined;
  executor?: number | undefined;
  enforcement?: number | undefined;
  parent?: number | undefined;
  original_execution?: number | undefined;
  /** Case-insensitive part of the result's JSON text. */
  result_contains?: string | undefined;
  top_level_only?: boolean | undefined;
}

/** Newest first; asks for `limit` rows from `offset` on. */
export function listExecutions(
  sql: Db,
  filter: ExecutionFilter,
  { limit, offset }: { limit: number; offset: number },
): Promise<ExecutionSummaryRow[]> {
  return sql<ExecutionSummaryRow[]>`
    select ${summaryColumns(sql)} from execution e ${where(sql, filter)}
    order by e.created desc, e.id desc limit ${limit} offset ${offset}`;
}

/** How many rows {@linkcode listExecutions} has in all. */
export async function countExecutions(
  sql: Db,
  filter: ExecutionFilter,
): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*) from execution e ${where(sql, filter)}`;
  return row!.count;
}

function where(sql: Db, filter: ExecutionFilter) {
  const conditions = [
    filter.status && sql`e.status = ${filter.status}`,
    filter.action_ref !== undefined &&
    matches(sql, sql`e.action_ref`, filter.action_ref),
    // Between "p." and "p/" in byte order, "/" being the character after ".": an index range.
    filter.pack_name !== undefined &&
    sql`(e.action_ref ~>=~ ${filter.pack_name + "."} and e.action_ref ~<~ ${
      filter.pack_name + "/"
    })`,
    filter.rule_ref !== undefined &&
    matches(sql, sql`e.rule_ref`, filter.rule_ref),
    filter.trigger_ref !== undefined &&
    matches(sql, sql`e.trigger_ref`, filter.trigger_ref),
    filter.executor !== undefined && sql`e.executor = ${filter.executor}`,
    filter.enforcement !== undefined &&
    sql`e.enforcement = ${filter.enforcement}`,
    filter.parent !== undefined && sql`e.parent = ${filter.parent}`,
    filter.original_execution !== undefined &&
    sql`e.original_execution = ${filter.original_execution}`,
    filter.result_contains !== undefined &&
    sql`strpos(lower(e.result::text), lower(${filter.result_contains})) > 0`,
    filter.top_level_only && sql`e.parent is null`,
  ].filter((condition) => typeof condition === "object");
  return conditions.reduce(
    (all, condition, index) =>
      sql`${all} ${index === 0 ? sql`where` : sql`and`} ${condition}`,
    sql``,
  );
}

/** `core.*`: every `*` stands for any text and nothing else is special. */
function matches(sql: Db, column: ReturnType<Db>, wanted: string) {
  return wanted.includes("*")
    ? sql`${column} like ${likePattern(wanted)}`
    : sql`${column} = ${wanted}`;
}

/** LIKE pattern of a text in which only `*` is a wildcard. */
export function likePattern(wanted: string): string {
  return wanted.replace(/[\\%_]/g, "\\$&").replaceAll("*", "%");
}

/** Undefined when there is none. */
export async function findExecution(
  sql: Queryable,
  id: number,
): Promise<ExecutionRow | undefined> {
  const [row] = await sql<ExecutionRow[]>`
    select ${executionColumns(sql)} from execution e where e.id = ${id}`;
  return row;
}

/** How many executions are in each status. */
export async function countByStatus(
  sql: Db,
): Promise<Map<ExecutionStatus, number>> {
  const rows = await sql<{ status: ExecutionStatus; count: number }[]>`
    select status, count(*) from execution group by status`;
  return new Map(rows.map((row) => [row.status, row.count]));
}

export interface DispatchAttempts {
  status: ExecutionStatus;
  dispatches: number;
  scheduled_at: string | null;
}

/** How often the scheduler tried to place an execution. */
export async function findDispatchAttempts(
  sql: Db,
  id: number,
): Promise<DispatchAttempts | undefined> {
  const [row] = await sql<DispatchAttempts[]>`
    select status, dispatches, scheduled_at from execution where id = ${id}`;
  return row;
}

export interface LogState {
  action_ref: string;
  status: ExecutionStatus;
  attempt: number;
  /** Of the action as it is now; null when it is gone. */
  out_schema: JsonObject | null;
}

/** What a reader of an execution's log needs to know of it. */
export async function findLogState(
  sql: Db,
  id: number,
): Promise<LogState | undefined> {
  const [row] = await sql<LogState[]>`
    select e.action_ref, e.status, e.attempt, a.out_schema
    from execution e left join action a on a.id = e.action
    where e.id = ${id}`;
  return row;
}
