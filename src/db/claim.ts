import { LEASE_MS, type Resources } from "../domain/agent_protocol.ts";
import type { ExecutionChange } from "../domain/changes.ts";
import type { ExecutionStatus, RetryPolicy } from "../domain/execution.ts";
import type { JsonObject } from "../domain/json.ts";
import type { ExecutionConfig } from "../domain/runtime.ts";
import type { Queryable } from "./connect.ts";
import { changeColumns, type ChangeRow, toChange } from "./execution_change.ts";
import { statusOf } from "./status_of.ts";

/** One attempt that now belongs to the worker, with all an `ExecutionSpec` is made of. */
export interface ClaimedRow {
  id: number;
  attempt: number;
  lease_token: string;
  lease_ms: number;
  /** First execution of the retry chain. */
  chain_id: number;
  action_id: number;
  action_ref: string;
  /** As the caller sent it; secret values are sealed, defaults are not filled in. */
  config: JsonObject;
  env_vars: Record<string, string>;
  permission_set_refs: string[];
  executor: number | null;
  parent: number | null;
  rule_ref: string | null;
  trigger_ref: string | null;
  /** Effective: the execution's, else the action's; null = the agent's default. */
  timeout_s: number | null;
  pack_id: number;
  pack_ref: string;
  pack_version: string;
  content_hash: string | null;
  runtime: {
    ref: string;
    name: string;
    execution_config: ExecutionConfig;
    versions: {
      version: string;
      is_default: boolean;
      execution_config: ExecutionConfig;
    }[];
  };
  runtime_version: string | null;
  entry_point: string;
  is_adhoc: boolean;
  param_schema: JsonObject | null;
  out_schema: JsonObject | null;
  parameter_delivery: "stdin" | "file" | "env";
  parameter_format: "json" | "yaml" | "dotenv";
  output_format: "text" | "json" | "yaml" | "jsonl";
  output_strict: boolean;
  retry: RetryPolicy | null;
  idempotent: boolean;
  resources: Resources;
  permissions: JsonObject;
}

export interface Claimed {
  claimed: ClaimedRow[];
  changes: ExecutionChange[];
}

export interface ClaimItem {
  id: number;
  attempt: number;
  /** Lease token the worker chose; one is made when absent. */
  lease?: string;
}

/**
 * Gives scheduled attempts to a worker: `scheduled` -> `running` under a new
 * lease. Attempts that somebody else has, that were cancelled or that are not
 * of that number are left out, and so is everything when the worker is
 * cordoned. An attempt that this worker holds under the very lease it names is
 * answered again: the first answer was lost. One whose action or runtime was deleted meanwhile fails instead
 * and appears in `changes` only.
 */
export async function claimExecutions(
  sql: Queryable,
  workerId: number,
  items: readonly ClaimItem[],
  { leaseMs = LEASE_MS }: { leaseMs?: number } = {},
): Promise<Claimed> {
  if (items.length === 0) return { claimed: [], changes: [] };
  const rows = await sql<
    (ChangeRow & ClaimColumns & { old_status: ExecutionStatus })[]
  >`
    with locked as (
      select e.id, e.action, e.status as old_status, coalesce(item.lease, gen_random_uuid()) as lease
      from unnest(${items.map((i) => i.id)}::bigint[], ${
    items.map((i) => i.attempt)
  }::int[], ${
    items.map((i) => i.lease ?? null)
  }::uuid[]) as item (id, attempt, lease)
      join execution e on e.id = item.id and e.attempt = item.attempt
      where (${statusOf(sql)} = 'scheduled'
          or ${
    statusOf(sql)
  } = 'running' and e.worker = ${workerId} and e.lease_token = item.lease)
        and exists (select from worker w where w.id = ${workerId} and not w.cordoned)
      order by e.id
      for update of e
    ), about as materialized (
      select l.id, l.old_status, l.lease, row_to_json(r) as runtime, case
        when a.id is null then 'The action was deleted before the execution could start'
        when r.ref is null then format('No runtime is known by the name "%s"; load the pack that brings it', a.runtime)
      end as fault
      from locked l
      left join action a on a.id = l.action
      left join lateral (
        select r.ref, r.name, r.execution_config, coalesce((
          select json_agg(json_build_object('version', v.version, 'is_default', v.is_default,
            'execution_config', v.execution_config) order by v.position, v.version)
          from runtime_version v where v.runtime = r.id), '[]') as versions
        from runtime r
        where a.runtime in (r.name, r.ref, substr(r.ref, strpos(r.ref, '.') + 1)) or a.runtime = any(r.aliases)
        order by r.pack_ref is not distinct from 'core' desc, r.ref like 'auto.%', r.ref
        limit 1
      ) r on true
    ), moved as (
      update execution e set
        status = case when b.fault is null then 'running' else 'failed' end,
        reason = case when b.fault is not null then 'error' end,
        result = case when b.fault is null then e.result
          else json_build_object('succeeded', false, 'error', b.fault) end,
        lease_token = case when b.fault is null then b.lease end,
        lease_until = case when b.fault is null then now() + ${leaseMs} * interval '1 ms' end,
        started_at = case when b.old_status = 'running' then e.started_at when b.fault is null then now() end,
        finished_at = case when b.fault is not null then now() end,
        worker = case when b.fault is null then ${workerId}::bigint end,
        preparing = false,
        updated = now()
      from about b
      where e.id = b.id and ${statusOf(sql)} = b.old_status
      returning ${
    changeColumns(sql)
  }, e.lease_token, e.config, e.env_vars, e.permission_set_refs, e.executor,
        e.timeout_seconds, b.runtime, b.old_status
    )
    select e.*, coalesce(e.original_execution, e.id) as chain_id, coalesce(e.timeout_seconds, a.timeout_seconds) as timeout_s,
      a.id as action_id, p.id as pack_id, p.ref as pack_ref, p.version as pack_version, p.content_hash,
      a.runtime_version, a.entry_point, a.is_adhoc, a.param_schema, a.out_schema, a.parameter_delivery,
      a.parameter_format, a.output_format, a.output_strict, a.retry, a.idempotent, a.resources, a.permissions
    from moved e
    left join action a on a.id = e.action
    left join pack p on p.id = a.pack
    order by e.id`;
  return {
    claimed: rows.filter((row) => row.status === "running").map((row) =>
      toClaimed(row, leaseMs)
    ),
    changes: rows.filter((row) => row.status !== row.old_status).map((row) =>
      toChange(row, row.old_status)
    ),
  };
}

type ClaimColumns = Omit<ClaimedRow, "lease_ms">;

function toClaimed(row: ChangeRow & ClaimColumns, leaseMs: number): ClaimedRow {
  return {
    id: row.id,
    attempt: row.attempt,
    lease_token: row.lease_token,
    lease_ms: leaseMs,
    chain_id: row.chain_id,
    action_id: row.action_id,
    action_ref: row.action_ref,
    config: row.config,
    env_vars: row.env_vars,
    permission_set_refs: row.permission_set_refs,
    executor: row.executor,
    parent: row.parent,
    rule_ref: row.rule_ref,
    trigger_ref: row.trigger_ref,
    timeout_s: row.timeout_s,
    pack_id: row.pack_id,
    pack_ref: row.pack_ref,
    pack_version: row.pack_version,
    content_hash: row.content_hash,
    runtime: row.runtime,
    runtime_version: row.runtime_version,
    entry_point: row.entry_point,
    is_adhoc: row.is_adhoc,
    param_schema: row.param_schema,
    out_schema: row.out_schema,
    parameter_delivery: row.parameter_delivery,
    parameter_format: row.parameter_format,
    output_format: row.output_format,
    output_strict: row.output_strict,
    retry: row.retry,
    idempotent: row.idempotent,
    resources: row.resources,
    permissions: row.permissions,
  };
}
