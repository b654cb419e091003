import type { Capabilities } from "../domain/agent_protocol.ts";
import type { Affinity, Toleration } from "../domain/placement.ts";
import type { Requirement } from "../domain/requirement.ts";
import type { NamedRuntime } from "../domain/resolve_runtime.ts";
import type { Queryable } from "./connect.ts";

/** A registered agent, live or not. */
export interface FleetWorker {
  id: number;
  name: string;
  role: "action" | "sensor";
  cordoned: boolean;
  /** Inactive, in error, or without a heartbeat for too long. */
  silent: boolean;
  capabilities: Capabilities;
}

/** One fleet is matched at a time: the lock lasts as long as the transaction. */
export async function lockFleet(sql: Queryable): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('attune.fleet'))`;
}

/** Every registered agent; silent after `silentMs` without a heartbeat. */
export async function readFleet(
  sql: Queryable,
  silentMs: number,
): Promise<FleetWorker[]> {
  return await sql<FleetWorker[]>`
    select w.id, w.name, w.worker_role as role, w.cordoned, w.capabilities, ${
    silentColumn(sql, silentMs)
  } as silent
    from worker w order by w.id`;
}

/** A text that changes when an agent comes, goes, falls silent, returns, or is cordoned. */
export async function fleetSignature(
  sql: Queryable,
  silentMs: number,
): Promise<string> {
  const [row] = await sql<{ signature: string }[]>`
    select coalesce(string_agg(format('%s%s%s', w.id, w.cordoned, ${
    silentColumn(sql, silentMs)
  }), ',' order by w.id), '') as signature
    from worker w`;
  return row!.signature;
}

function silentColumn(sql: Queryable, silentMs: number) {
  return sql`(w.status in ('inactive', 'error')
    or coalesce(w.last_heartbeat < now() - ${silentMs} * interval '1 ms', true))`;
}

export async function readRuntimeNames(
  sql: Queryable,
): Promise<NamedRuntime[]> {
  return await sql<NamedRuntime[]>`
    select ref, name, aliases from runtime order by ref`;
}

export interface ActionRow {
  id: number;
  updated: string;
  runtime: string;
  runtime_version: string | null;
  required_worker_runtimes: Record<string, string>;
  worker_selector: Record<string, string>;
  worker_tolerations: Toleration[];
  worker_affinity: Affinity;
}

/** Enabled actions that run on agents; with `all` false only those whose requirement is not known. */
export async function readActionNeeds(
  sql: Queryable,
  { all }: { all: boolean },
): Promise<ActionRow[]> {
  return await sql<ActionRow[]>`
    select a.id, a.updated, a.runtime, a.runtime_version, a.required_worker_runtimes, a.worker_selector,
      a.worker_tolerations, a.worker_affinity
    from action a
    join pack k on k.id = a.pack
    left join action_requirement r on r.action = a.id
    where a.enabled and k.enabled and a.workflow_file is null and a.runtime is not null
      and (${all} or r.action_updated is distinct from a.updated)
    order by a.id`;
}

export interface KeyedRequirement {
  key: string;
  body: Requirement;
}

/** Makes requirements known; those that are stay as they are. */
export async function storeRequirements(
  sql: Queryable,
  requirements: readonly KeyedRequirement[],
): Promise<void> {
  if (requirements.length === 0) return;
  await sql`
    insert into requirement (key, body)
    select key, body::jsonb
    from unnest(${requirements.map((r) => r.key)}::text[], ${
    requirements.map((r) => JSON.stringify(r.body))
  }::text[]) as r (key, body)
    order by key
    on conflict (key) do update set used = now() where requirement.used < now() - interval '10 minutes'`;
}

/** Says which requirement an action has as of its `updated`. */
export async function storeActionRequirements(
  sql: Queryable,
  rows: readonly { action: number; key: string; updated: string }[],
): Promise<void> {
  if (rows.length === 0) return;
  await sql`
    insert into action_requirement (action, key, action_updated)
    select a.id, r.key, r.updated::timestamptz
    from unnest(${rows.map((r) => r.action)}::bigint[], ${
    rows.map((r) => r.key)
  }::text[], ${rows.map((r) => r.updated)}::text[]) as r (action, key, updated)
    join action a on a.id = r.action
    order by a.id
    for key share of a
    on conflict (action) do update set key = excluded.key, action_updated = excluded.action_updated
      where (action_requirement.key, action_requirement.action_updated)
        is distinct from (excluded.key, excluded.action_updated)`;
}

export interface RequirementRow extends KeyedRequirement {
  /** Executions wait for an agent of it. */
  waiting: boolean;
  /** Work has been in its queue for longer than a second. */
  crowded: boolean;
}

/** All requirements. */
export async function readRequirements(
  sql: Queryable,
): Promise<RequirementRow[]> {
  return await sql<RequirementRow[]>`
    select r.key, r.body, waiting.one is not null as waiting, crowded.one is not null as crowded
    from requirement r
    left join lateral (select 1 as one from execution e
      where e.requirement = r.key and e.status = 'requested' and e.waiting_for is not null limit 1) waiting on true
    left join lateral (select 1 as one from execution e
      where e.requirement = r.key and e.status = 'scheduled'
        and e.scheduled_at < now() - interval '1 s' limit 1) crowded on true
    order by r.key`;
}

/** Those of the keys in whose queue work has been for longer than a second. */
export async function crowdedQueues(
  sql: Queryable,
  keys: readonly string[],
): Promise<string[]> {
  const rows = await sql<{ key: string }[]>`
    select k.key from unnest(${[...keys]}::text[]) as k (key)
    cross join lateral (select from execution e
      where e.requirement = k.key and e.status = 'scheduled' and e.scheduled_at < now() - interval '1 s' limit 1) e`;
  return rows.map((row) => row.key);
}

/**
 * Replaces what each worker may pull. Returns the workers for whom that is
 * something else than before.
 */
export async function storeOffers(
  sql: Queryable,
  offers: readonly { worker: number; key: string }[],
): Promise<number[]> {
  const rows = await sql<{ worker: number }[]>`
    with wanted as (
      select o.worker, o.key
      from unnest(${offers.map((o) => o.worker)}::bigint[], ${
    offers.map((o) => o.key)
  }::text[]) as o (worker, key)
      join worker w on w.id = o.worker
    ), gone as (
      delete from worker_requirement r
      where not exists (select from wanted w where w.worker = r.worker and w.key = r.key)
      returning r.worker
    ), added as (
      insert into worker_requirement (worker, key)
      select w.worker, w.key from wanted w
      where not exists (select from worker_requirement r where r.worker = w.worker and r.key = w.key)
      on conflict do nothing
      returning worker
    )
    select worker from gone union select worker from added order by worker`;
  return rows.map((row) => row.worker);
}

/** Forgets requirements that no action has and no unfinished execution needs. Returns how many. */
export async function dropUnusedRequirements(
  sql: Queryable,
  { unusedMs }: { unusedMs: number },
): Promise<number> {
  const { count } = await sql`
    delete from requirement r
    where r.used < now() - ${unusedMs} * interval '1 ms'
      and not exists (select from action_requirement a where a.key = r.key)
      and not exists (select from execution e where e.requirement = r.key and e.status = 'scheduled')
      and not exists (select from execution e
        where e.requirement = r.key and e.status = 'requested' and e.waiting_for is not null)`;
  return count;
}
