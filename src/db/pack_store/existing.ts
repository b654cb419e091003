import type { Queryable } from "../connect.ts";
import type { StoredTable } from "./upsert.ts";

export interface ExistingRow {
  id: number;
  ref: string;
  /** Undefined in tables without that column. */
  enabled?: boolean;
  is_adhoc: boolean;
  /** Id of the pack that has it now. */
  pack: number | null;
}

/** The pack's rows of a kind, and others' rows of the refs it wants; locked until the end of the transaction. */
export async function existingRows(
  sql: Queryable,
  table: StoredTable,
  packId: number,
  refs: readonly string[],
): Promise<Map<string, ExistingRow>> {
  const enabled = table === "permission_set" || table === "runtime"
    ? sql``
    : sql`, enabled`;
  const rows = await sql<ExistingRow[]>`
    select id, ref, is_adhoc, pack ${enabled} from ${sql(table)}
    where pack = ${packId} or ref = any(${refs as string[]}::text[])
    order by ref for update`;
  return new Map(rows.map((row) => [row.ref, row]));
}

/** Deletes declared rows of the pack that no file names any more; the refs that went. */
export async function removeVanished(
  sql: Queryable,
  table: StoredTable,
  packId: number,
  kept: readonly string[],
): Promise<string[]> {
  const rows = await sql<{ ref: string }[]>`
    delete from ${sql(table)}
    where pack = ${packId} and not is_adhoc and ref <> all(${kept as string[]}::text[])
    returning ref`;
  return rows.map((row) => row.ref).sort();
}
