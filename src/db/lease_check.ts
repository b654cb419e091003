import type { Held } from "../domain/agent_protocol.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Queryable } from "./connect.ts";

/** An attempt whose lease is the worker's and has not ended. */
export interface HeldRow {
  id: number;
  attempt: number;
  action_ref: string;
  artifact_retention_policy: string | null;
  artifact_retention_limit: number | null;
  /** Of the action as it is now; null when it has none or is gone. */
  out_schema: JsonObject | null;
}

/**
 * Those of the attempts that the worker holds now. With `lock`, inside a
 * transaction, they stay its until the end of that.
 */
export async function findHeld(
  sql: Queryable,
  worker: number,
  held: readonly Held[],
  { lock = false }: { lock?: boolean } = {},
): Promise<HeldRow[]> {
  if (held.length === 0) return [];
  return await sql<HeldRow[]>`
    select e.id, e.attempt, e.action_ref, e.artifact_retention_policy,
      e.artifact_retention_limit, a.out_schema
    from unnest(${held.map((h) => h.id)}::bigint[], ${
    held.map((h) => h.attempt)
  }::int[], ${held.map((h) => h.lease)}::uuid[]) as h (id, attempt, lease)
    join execution e on e.id = h.id and e.attempt = h.attempt and e.lease_token = h.lease
    left join action a on a.id = e.action
    where e.worker = ${worker} and e.status in ('running', 'canceling') and e.lease_until > now()
    order by e.id ${lock ? sql`for share of e` : sql``}`;
}
