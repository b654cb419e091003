import type { Capabilities } from "../domain/agent_protocol.ts";
import type { Db } from "./connect.ts";
import type { Window } from "./pack_list.ts";

export type WorkerStatus = "active" | "inactive" | "busy" | "error";
export type HealthState =
  | "active"
  | "busy"
  | "cordoned"
  | "inactive"
  | "offline"
  | "error";

/** A worker with its derived values (api.md 3.14). */
export interface WorkerRow {
  id: number;
  name: string;
  worker_type: "local" | "remote" | "container";
  worker_role: "action" | "sensor";
  host: string | null;
  port: number | null;
  status: WorkerStatus | null;
  last_heartbeat: string | null;
  heartbeat_age_seconds: number | null;
  heartbeat_stale: boolean;
  cordoned: boolean;
  cordon_reason: string | null;
  cordoned_by: number | null;
  cordoned_at: string | null;
  health_state: HealthState;
  capabilities: Partial<Capabilities> & Record<string, unknown>;
  running: number;
  canceling: number;
  created: string;
  updated: string;
}

/** Absent = any. Compared with the derived values. */
export interface WorkerFilter {
  id?: number | undefined;
  role?: "action" | "sensor" | undefined;
  status?: WorkerStatus | undefined;
  cordoned?: boolean | undefined;
  health_state?: HealthState | undefined;
}

/** Workers by name; a heartbeat older than `staleMs` is stale. */
export async function listWorkers(
  sql: Db,
  filter: WorkerFilter,
  staleMs: number,
  { limit, offset }: Window,
): Promise<WorkerRow[]> {
  return await sql<WorkerRow[]>`
    ${derived(sql, filter.id, staleMs)}
    select * from w ${where(sql, filter)}
    order by name limit ${limit} offset ${offset}`;
}

/** How many rows {@linkcode listWorkers} has in all. */
export async function countWorkers(
  sql: Db,
  filter: WorkerFilter,
  staleMs: number,
): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    ${derived(sql, filter.id, staleMs)}
    select count(*) from w ${where(sql, filter)}`;
  return row!.count;
}

// Executions have a worker only from their claim on, so `running` and `canceling` are all there is.
function derived(sql: Db, id: number | undefined, staleMs: number) {
  return sql`with loaded as (
    select x.*, l.running, l.canceling,
      l.running + l.canceling > 0
        or coalesce((x.capabilities->>'sensor_processes_running')::numeric > 0, false)
        or coalesce((x.capabilities->>'active_rules')::numeric > 0, false) as has_load,
      case when x.last_heartbeat is not null
        then greatest(floor(extract(epoch from now() - x.last_heartbeat)), 0)::int end as heartbeat_age_seconds,
      coalesce(x.last_heartbeat < now() - ${staleMs} * interval '1 ms', true) as heartbeat_stale
    from worker x cross join lateral (
      select count(*) filter (where e.status = 'running')::int as running,
        count(*) filter (where e.status = 'canceling')::int as canceling
      from execution e where e.worker = x.id and e.status in ('running', 'canceling')) l
    ${id === undefined ? sql`` : sql`where x.id = ${id}`}
  ), w as (
    select id, name, worker_type, worker_role, host, port,
      case when status = 'active' and has_load then 'busy' else status end as status,
      last_heartbeat, heartbeat_age_seconds, heartbeat_stale,
      cordoned, cordon_reason, cordoned_by, cordoned_at,
      case when cordoned then 'cordoned' when status = 'error' then 'error'
        when status = 'inactive' or heartbeat_stale then 'offline'
        when has_load or status = 'busy' then 'busy'
        when status = 'active' then 'active' else 'inactive' end as health_state,
      capabilities, running, canceling, created, updated
    from loaded)`;
}

function where(sql: Db, filter: WorkerFilter) {
  const { role, status, cordoned, health_state } = filter;
  return sql`where true
    ${role === undefined ? sql`` : sql`and worker_role = ${role}`}
    ${status === undefined ? sql`` : sql`and status = ${status}`}
    ${cordoned === undefined ? sql`` : sql`and cordoned = ${cordoned}`}
    ${
    health_state === undefined ? sql`` : sql`and health_state = ${health_state}`
  }`;
}

/** Keeps new work away. False when there is no such worker. */
export async function cordonWorker(
  sql: Db,
  id: number,
  { reason, by }: { reason: string | null; by: number },
): Promise<boolean> {
  const rows = await sql`
    update worker set cordoned = true, cordon_reason = ${reason}, cordoned_by = ${by},
      cordoned_at = now(), updated = now()
    where id = ${id} returning id`;
  return rows.length === 1;
}

/** Lets work in again. False when there is no such worker. */
export async function uncordonWorker(sql: Db, id: number): Promise<boolean> {
  const rows = await sql`
    update worker set cordoned = false, cordon_reason = null, cordoned_by = null,
      cordoned_at = null, updated = now()
    where id = ${id} returning id`;
  return rows.length === 1;
}
