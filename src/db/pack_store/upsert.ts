import type { Queryable } from "../connect.ts";

export type StoredTable =
  | "permission_set"
  | "runtime"
  | "trigger"
  | "action"
  | "rule"
  | "sensor";

/** A row as the pack wants it: every column that a file decides, by name. */
export interface WantedRow {
  ref: string;
  [column: string]: unknown;
}

export interface UpsertedRow {
  id: number;
  ref: string;
  created: boolean;
}

/**
 * Inserts what is new and updates what differs, by ref. Rows that are already
 * as wanted are not touched and not in the answer.
 */
export async function upsertRows(
  sql: Queryable,
  table: StoredTable,
  rows: readonly WantedRow[],
): Promise<UpsertedRow[]> {
  if (rows.length === 0) return [];
  const columns = Object.keys(rows[0]!);
  const set = columns.filter((c) => c !== "ref").reduce(
    (all, c) => sql`${all}, ${sql(c)} = excluded.${sql(c)}`,
    sql`updated = now()`,
  );
  // As text, since `json` has no equality.
  const [old, wanted] = ["t", "excluded"].map((side) =>
    columns.slice(1).reduce(
      (all, c) => sql`${all}, ${sql(side)}.${sql(c)}`,
      sql`${sql(side)}.${sql(columns[0]!)}`,
    )
  );
  return await sql<UpsertedRow[]>`
    insert into ${sql(table)} as t (${sql(columns)})
    select ${sql(columns)} from json_populate_recordset(
      -- Null, of the table's row type; the name "trigger" alone is another type.
      (select shape from ${sql(table)} shape limit 0), ${
    JSON.stringify(rows)
  }::text::json)
    order by ref
    on conflict (ref) do update set ${set}
      where row(${old!})::text is distinct from row(${wanted!})::text
    returning id, ref, xmax = 0 as created`;
}
