import type { Queryable } from "./connect.ts";

/**
 * The status of the row named `e`, for rows that are found by id. No index can
 * serve this form: given `e.status`, the planner takes the partial index of
 * that status, tiny when the plan is made and full of dead entries under load,
 * instead of the primary key.
 */
export function statusOf(sql: Queryable) {
  return sql`(e.status || '')`;
}
