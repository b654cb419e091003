import type { Capabilities } from "../domain/agent_protocol.ts";
import type { Db, Queryable } from "./connect.ts";

export interface Registration {
  instance_id: string;
  name: string;
  worker_type: "local" | "remote" | "container";
  host: string;
  capabilities: Capabilities;
  /** A worker that was silent for this long, in milliseconds, no longer holds its name. */
  silentMs: number;
}

/** `replaced`: rows whose process is dead now; their leases must be ended. */
export type Registered =
  | { ok: true; id: number; replaced: number[] }
  | { ok: false; heldBy: { id: number; host: string | null } };

interface Known {
  id: number;
  host: string | null;
  same: boolean;
  /** A process that is heard of, or that still ends what it runs. */
  live: boolean | null;
}

/** Makes or takes over the row of an agent; inside a transaction. */
export async function registerWorker(
  sql: Queryable,
  worker: Registration,
): Promise<Registered> {
  // Two agents of one name at the same moment: the second must see the first.
  await sql`select pg_advisory_xact_lock(hashtext('attune.register'))`;
  const rows = await sql<Known[]>`
    select w.id, w.host, w.instance_id = ${worker.instance_id} as same,
      w.last_heartbeat > now() - ${worker.silentMs} * interval '1 ms' and (w.status <> 'inactive'
        or exists (select from execution e
          where e.worker = w.id and e.status in ('running', 'canceling'))) as live
    from worker w where w.instance_id = ${worker.instance_id} or w.name = ${worker.name}`;
  const own = rows.find((row) => row.same);
  const namesake = rows.find((row) => !row.same);
  if (namesake?.live) return { ok: false, heldBy: namesake };
  const id = own?.id ?? namesake?.id;
  if (own && namesake) await sql`delete from worker where id = ${namesake.id}`;
  const [row] = id === undefined
    ? await insert(sql, worker)
    : await takeOver(sql, id, worker);
  return { ok: true, id: row!.id, replaced: rows.map((r) => r.id) };
}

function insert(sql: Queryable, worker: Registration) {
  return sql<{ id: number }[]>`
    insert into worker (instance_id, name, worker_type, host, capabilities, last_heartbeat)
    values (${worker.instance_id}, ${worker.name}, ${worker.worker_type}, ${worker.host},
      ${JSON.stringify(worker.capabilities)}::text::jsonb, now())
    returning id`;
}

function takeOver(sql: Queryable, id: number, worker: Registration) {
  return sql<{ id: number }[]>`
    update worker set instance_id = ${worker.instance_id}, name = ${worker.name},
      worker_type = ${worker.worker_type}, host = ${worker.host}, status = 'active',
      capabilities = ${
    JSON.stringify(worker.capabilities)
  }::text::jsonb, free_slots = 0,
      last_heartbeat = now(), updated = now()
    where id = ${id} returning id`;
}

export interface Beat {
  worker: number;
  free_slots: number;
  /** Null = those known. */
  capabilities: Capabilities | null;
  /** It ends what runs and takes nothing new. */
  stopping: boolean;
  silentMs: number;
}

/** What one heartbeat changed. */
export interface Beaten {
  /** It came back, began to stop or offers something else: what it may pull must be thought over. */
  changed: boolean;
  /** Requirement keys it may pull work for. */
  keys: string[];
}

/** Records a heartbeat. Undefined: the worker's row is gone, it must register again. */
export async function recordHeartbeat(
  sql: Db,
  beat: Beat,
): Promise<Beaten | undefined> {
  const capabilities = beat.capabilities && JSON.stringify(beat.capabilities);
  const [row] = await sql<Beaten[]>`
    with before as (
      select status, last_heartbeat, capabilities from worker where id = ${beat.worker}
    )
    update worker w set last_heartbeat = now(), free_slots = ${beat.free_slots}, updated = now(),
      status = ${beat.stopping ? "inactive" : "active"},
      capabilities = coalesce(${capabilities}::text::jsonb, w.capabilities)
    from before b
    where w.id = ${beat.worker}
    returning
      b.status <> w.status or b.last_heartbeat is null
        or b.last_heartbeat < now() - ${beat.silentMs} * interval '1 ms'
        or b.capabilities <> w.capabilities as changed,
      array(select key from worker_requirement r where r.worker = w.id order by key) as keys`;
  return row;
}

/** The agent left: nothing is given to it any more. False when it was inactive already. */
export async function deactivateWorker(sql: Db, id: number): Promise<boolean> {
  const rows = await sql`
    update worker set status = 'inactive', free_slots = 0, updated = now()
    where id = ${id} and status <> 'inactive' returning id`;
  return rows.length === 1;
}
