import type { Capabilities } from "../../src/domain/agent_protocol.ts";
import type { RetryPolicy } from "../../src/domain/execution.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import type { Affinity, Toleration } from "../../src/domain/placement.ts";
import type { Db } from "../../src/db/connect.ts";

/** Rows that tests of the execution's life start from. Each call makes new ones. */
let made = 0;

/** The runtimes that most tests need, as the core pack brings them. */
export async function coreRuntimes(sql: Db): Promise<void> {
  await sql`
    insert into pack (ref, label, version) values ('core', 'Core', '1.0.0') on conflict do nothing`;
  await sql`
    insert into runtime (ref, pack, pack_ref, name, aliases, execution_config)
    select r.ref, p.id, 'core', r.name, r.aliases, json_build_object('interpreter', json_build_object('binary', r.name))
    from pack p, (values
      ('core.shell', 'shell', array['bash', 'sh']), ('core.python', 'python', array['python3']),
      ('core.nodejs', 'node', array['nodejs'])) as r (ref, name, aliases)
    where p.ref = 'core'
    on conflict do nothing`;
}

export interface ActionSeed {
  ref?: string;
  enabled?: boolean;
  packEnabled?: boolean;
  runtime?: string | null;
  runtimeVersion?: string;
  requires?: Record<string, string>;
  selector?: Record<string, string>;
  tolerations?: Toleration[];
  affinity?: Partial<Affinity>;
  retry?: Partial<RetryPolicy> & { max_attempts: number };
  idempotent?: boolean;
  workflow?: string;
  timeout?: number;
  logRetention?: [policy: string, limit: number];
}

/** An enabled shell action in a pack of its own, unless it says otherwise. */
export async function anAction(
  sql: Db,
  seed: ActionSeed = {},
): Promise<{ id: number; ref: string }> {
  await coreRuntimes(sql);
  const ref = seed.ref ?? `p${++made}.act`;
  const pack = ref.split(".")[0]!;
  const retry = seed.retry === undefined ? null : {
    delay: 1,
    backoff: "constant",
    max_delay: 300,
    on: ["failed", "timed_out"],
    ...seed.retry,
  };
  const affinity = {
    required: [],
    preferred: [],
    anti_affinity: [],
    ...seed.affinity,
  };
  await sql`
    insert into pack (ref, label, version, enabled, content_hash)
    values (${pack}, ${pack}, '1.2.3', ${seed.packEnabled ?? true}, 'cafe')
    on conflict (ref) do nothing`;
  const [row] = await sql<{ id: number; ref: string }[]>`
    insert into action (ref, pack, pack_ref, label, enabled, runtime, runtime_version, required_worker_runtimes,
      worker_selector, worker_tolerations, worker_affinity, retry, idempotent, workflow_file, entry_point,
      timeout_seconds, log_retention_policy, log_retention_limit)
    select ${ref}, id, ref, ${ref}, ${seed.enabled ?? true}, ${
    seed.runtime === undefined ? "shell" : seed.runtime
  },
      ${seed.runtimeVersion ?? null}, ${json(seed.requires ?? {})}::text::jsonb,
      ${json(seed.selector ?? {})}::text::jsonb,
      ${json(seed.tolerations ?? [])}::text::jsonb, ${
    json(affinity)
  }::text::jsonb,
      ${retry && json(retry)}::text::jsonb, ${seed.idempotent ?? false}, ${
    seed.workflow ?? null
  }, 'act.sh', ${seed.timeout ?? null}, ${seed.logRetention?.[0] ?? null}, ${
    seed.logRetention?.[1] ?? null
  }
    from pack where ref = ${pack}
    returning id, ref`;
  return row!;
}

export interface ExecutionSeed {
  config?: JsonObject;
  selector?: Record<string, string>;
  /** Seconds from now; negative = that long ago. */
  dueIn?: number;
  parent?: number;
}

/** A requested execution, as the API inserts it. */
export async function anExecution(
  sql: Db,
  action: { id: number; ref: string },
  seed: ExecutionSeed = {},
): Promise<number> {
  const [id] = await executions(sql, action, 1, seed);
  return id!;
}

/** Many requested executions. */
export async function executions(
  sql: Db,
  action: { id: number; ref: string },
  count: number,
  seed: ExecutionSeed = {},
): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    insert into execution (action, action_ref, config, env_vars, worker_selector, due_at, parent)
    select ${action.id}, ${action.ref}, ${
    json(seed.config ?? { n: 1 })
  }::text::json, '{"A": "b"}',
      ${seed.selector ? json(seed.selector) : null}::text::jsonb,
      now() + ${seed.dueIn ?? 0} * interval '1 s', ${seed.parent ?? null}
    from generate_series(1, ${count}::int)
    returning id`;
  return rows.map((row) => row.id).sort((a, b) => a - b);
}

export interface WorkerSeed {
  name?: string;
  runtimes?: Record<string, string[]>;
  labels?: Record<string, string>;
  taints?: Capabilities["taints"];
  cordoned?: boolean;
  role?: "action" | "sensor";
  /** Seconds since its last heartbeat. */
  silentFor?: number;
}

/** A live agent that offers shell, unless it says otherwise. */
export async function aWorker(sql: Db, seed: WorkerSeed = {}): Promise<number> {
  const runtimes = seed.runtimes ?? { shell: ["5.2.15"] };
  const name = seed.name ?? `w${++made}`;
  const capabilities = {
    runtimes: Object.keys(runtimes),
    runtime_versions: runtimes,
    detected_interpreters: [],
    labels: seed.labels ?? {},
    taints: seed.taints ?? [],
    max_concurrent_executions: 4,
    max_concurrent_sensors: 0,
    agent_mode: true,
    agent_version: "0.0.0",
    isolation: { level: "none", policy: null, layers: {}, degraded: [] },
  } satisfies Capabilities;
  const [row] = await sql<{ id: number }[]>`
    insert into worker (instance_id, name, worker_type, worker_role, capabilities, last_heartbeat, cordoned)
    values (${crypto.randomUUID()}, ${name}, 'local', ${seed.role ?? "action"},
      ${json(capabilities)}::text::jsonb, now() - ${
    seed.silentFor ?? 0
  } * interval '1 s', ${seed.cordoned ?? false})
    returning id`;
  return row!.id;
}

/** Makes an execution `scheduled`, as dispatch would. */
export async function schedule(sql: Db, ...ids: number[]): Promise<void> {
  await sql`
    update execution set status = 'scheduled', scheduled_at = now(), dispatches = 1, requirement = 'k'
    where id = any(${ids}::bigint[])`;
}

function json(value: unknown): string {
  return JSON.stringify(value);
}
