import type { Queryable } from "./connect.ts";

/** Fewer rows than this are read as fast by any plan. */
const SMALL = 200;
/** From here on autovacuum is soon enough. */
const LARGE = 1_000_000;

/**
 * Renews the planner's view of the tables that grow with each execution once
 * there are twice as many as the `known` of the call before; returns what is
 * known now. Prepared statements keep the plan of an empty table, which reads
 * all of it for each row, until statistics change; autovacuum looks once a
 * minute.
 */
export async function analyzeWhenGrown(
  sql: Queryable,
  known: number,
): Promise<number> {
  const [row] = await sql<{ made: number }[]>`
    select last_value as made from execution_id_seq`;
  const { made } = row!;
  if (made < SMALL || made < 2 * known || known > LARGE) return known;
  await sql`analyze execution, execution_log, artifact_version`;
  return made;
}
