import type { Queryable } from "./connect.ts";

/** What keeps executions from running: no scheduler, or no agent that takes work; null when nothing does. */
export async function whatIsMissing(
  sql: Queryable,
  { silentMs }: { silentMs: number },
): Promise<string | null> {
  const [row] = await sql<{ scheduler: boolean; agent: boolean }[]>`
    select
      exists (select from service where role = 'scheduler' and seen_at > now() - interval '5 s') as scheduler,
      exists (select from worker where worker_role = 'action' and status in ('active', 'busy') and not cordoned
        and last_heartbeat > now() - ${silentMs} * interval '1 ms') as agent`;
  if (!row?.scheduler) return "No scheduler is running";
  return row.agent ? null : "No agent takes work";
}
