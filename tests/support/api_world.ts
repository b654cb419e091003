import { embeddedBus } from "../../src/bus/embedded.ts";
import type { Bus } from "../../src/bus/bus.ts";
import { type Api, makeApp } from "../../src/api/app.ts";
import type { ApiDeps, ApiSettings } from "../../src/api/env.ts";
import { signAccessToken } from "../../src/api/auth/tokens.ts";
import { type Live, openLive } from "../../src/api/live.ts";
import type { Db } from "../../src/db/connect.ts";
import type {
  Capabilities,
  RegisterAnswer,
} from "../../src/domain/agent_protocol.ts";
import type { ExecutionChange } from "../../src/domain/changes.ts";
import type { Grant } from "../../src/domain/pack.ts";
import { makeLog } from "../../src/log.ts";
import { testDb } from "./test_db.ts";

export const JOIN_TOKEN = "join-token-of-the-tests";
export const JWT_SECRET = "a secret that is long enough for the tests";

/** The API on a database, a bus and directories of its own. */
export interface ApiWorld extends AsyncDisposable {
  readonly sql: Db;
  readonly bus: Bus;
  readonly live: Live;
  readonly app: Api;
  readonly deps: ApiDeps;
  readonly dir: string;
  /** Access token of an identity that may do everything. */
  readonly admin: string;
  /** Access token of a new identity with these grants. */
  as(grants: Grant[]): Promise<string>;
  /** Asks as the admin unless told otherwise; JSON in, the response out. */
  ask(method: string, path: string, options?: AskOptions): Promise<Response>;
  /** The JSON of an answer that must have this status. */
  json<T = Answer>(
    status: number,
    method: string,
    path: string,
    options?: AskOptions,
  ): Promise<T>;
}

// deno-lint-ignore no-explicit-any -- tests look into answers of any shape
export type Answer = any;

export interface AskOptions {
  token?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

const ALL = [
  ...["create", "read", "update", "delete", "execute", "cancel", "decrypt"],
  ...["install", "configure", "manage"],
];
const EVERYTHING: Grant[] = [
  ...["actions", "executions", "artifacts", "packs", "keys", "runtimes"],
  ...["workers", "identities", "permissions", "rules", "triggers"],
].map((resource) => ({ resource, actions: ALL }));

export async function apiWorld(
  settings: Partial<ApiSettings> = {},
): Promise<ApiWorld> {
  await using undo = new AsyncDisposableStack();
  const { sql } = undo.use(await testDb());
  const bus = undo.use(embeddedBus());
  const live = undo.use(await openLive(bus));
  const dir = await Deno.makeTempDir({ prefix: "attune-api-" });
  undo.defer(() => Deno.remove(dir, { recursive: true }));
  const faults: string[] = [];
  const deps: ApiDeps = {
    db: sql,
    bus,
    live,
    log: makeLog({
      level: "error",
      format: "json",
      write: (line) => faults.push(line),
    }),
    settings: {
      version: "0.0.0-test",
      jwtSecret: JWT_SECRET,
      encryptionKey: "an encryption key that is long enough",
      accessTtlS: 3600,
      refreshTtlS: 7200,
      allowSelfRegistration: false,
      joinToken: JOIN_TOKEN,
      corsOrigins: [],
      publicUrl: null,
      agentBus: { kind: "embedded" },
      packsBaseDir: `${dir}/packs`,
      artifactsDir: `${dir}/artifacts`,
      notReady: () => Promise.resolve(null),
      ...settings,
    } as ApiSettings,
  };
  const app = makeApp(deps);
  const admin = await tokenFor(sql, EVERYTHING);

  function ask(method: string, path: string, options: AskOptions = {}) {
    const { token = admin, body, headers = {}, signal } = options;
    const raw = body instanceof Uint8Array || typeof body === "string";
    return app.request(path, {
      method,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && {
          "content-type": raw ? "application/octet-stream" : "application/json",
        }),
        ...headers,
      },
      ...(body !== undefined && {
        body: raw ? body as BodyInit : JSON.stringify(body),
      }),
      ...(signal && { signal }),
    });
  }

  const open = undo.move();
  return {
    sql,
    bus,
    live,
    app,
    deps,
    dir,
    admin,
    as: (grants) => tokenFor(sql, grants),
    ask: async (...args) => await ask(...args),
    async json<T>(status: number, ...args: Parameters<typeof ask>) {
      const answer = await ask(...args);
      const text = await answer.text();
      if (answer.status !== status) {
        throw new Error(
          `${args[0]} ${
            args[1]
          } answered ${answer.status} instead of ${status}: ${text} ${faults}`,
        );
      }
      return JSON.parse(text) as T;
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

let logins = 0;

async function tokenFor(sql: Db, grants: Grant[]): Promise<string> {
  const name = `tester${++logins}`;
  const [identity] = await sql<{ id: number }[]>`
    insert into identity (login) values (${name}) returning id`;
  const [set] = await sql<{ id: number }[]>`
    insert into permission_set (ref, grants)
    values (${`test.${name}`}, ${
    JSON.stringify(grants)
  }::text::jsonb) returning id`;
  await sql`insert into permission_assignment (identity, permission_set)
    values (${identity!.id}, ${set!.id})`;
  return await signAccessToken(JWT_SECRET, {
    id: identity!.id,
    login: name,
  }, 3600);
}

export interface ActionColumns {
  enabled?: boolean;
  param_schema?: unknown;
  out_schema?: unknown;
  sets?: string[];
  timeout_seconds?: number;
  is_adhoc?: boolean;
  entry_point?: string;
  runtime?: string;
  workflow_file?: string;
  retry?: unknown;
  idempotent?: boolean;
}

/** An action `pack.name` with its pack and a shell runtime. */
export async function anAction(
  sql: Db,
  ref: string,
  a: ActionColumns = {},
): Promise<number> {
  const pack = ref.split(".")[0]!;
  const json = (value: unknown) =>
    value === undefined ? null : JSON.stringify(value);
  await sql`insert into pack (ref, label, version) values (${pack}, ${pack}, '1.2.3')
    on conflict (ref) do nothing`;
  await sql`insert into runtime (ref, name, execution_config)
    values ('core.shell', 'shell', '{"interpreter":{"binary":"sh"}}') on conflict (ref) do nothing`;
  const [row] = await sql<{ id: number }[]>`
    insert into action (ref, pack, pack_ref, label, enabled, runtime, entry_point, param_schema,
      out_schema, default_execution_permission_set_refs, timeout_seconds, is_adhoc, workflow_file,
      retry, idempotent)
    select ${ref}, p.id, p.ref, ${ref}, ${a.enabled ?? true}, ${
    a.runtime ?? "shell"
  },
      ${a.entry_point ?? "run.sh"}, ${json(a.param_schema)}::text::json,
      ${json(a.out_schema)}::text::json, ${a.sets ?? []}::text[], ${
    a.timeout_seconds ?? null
  },
      ${a.is_adhoc ?? false}, ${a.workflow_file ?? null}, ${
    json(a.retry)
  }::text::jsonb,
      ${a.idempotent ?? false}
    from pack p where p.ref = ${pack} returning id`;
  return row!.id;
}

/** Executes an action as the admin; answers the id. */
export async function anExecution(
  world: ApiWorld,
  ref: string,
  more: Record<string, unknown> = {},
): Promise<number> {
  const { data } = await world.json(201, "POST", "/api/v1/executions/execute", {
    body: { action_ref: ref, ...more },
  });
  return data.id;
}

/** What dispatch does: the execution waits in a queue. */
export async function dispatched(sql: Db, id: number): Promise<void> {
  await sql`update execution set status = 'scheduled', scheduled_at = now(),
    requirement = '0123456789abcdef' where id = ${id} and status = 'requested'`;
}

export const CAPABILITIES: Capabilities = {
  runtimes: ["native", "shell"],
  runtime_versions: {},
  detected_interpreters: [],
  labels: {},
  taints: [],
  max_concurrent_executions: 4,
  max_concurrent_sensors: 0,
  agent_mode: true,
  agent_version: "0.0.0-test",
  isolation: { level: "none", policy: null, layers: {}, degraded: [] },
};

/** Registers an agent. */
export function aWorker(
  world: ApiWorld,
  { name = "worker-a", instance_id = crypto.randomUUID() as string } = {},
): Promise<RegisterAnswer> {
  return world.json(200, "POST", "/api/v1/agent/register", {
    token: JOIN_TOKEN,
    body: {
      instance_id,
      name,
      worker_type: "local",
      host: "here",
      capabilities: CAPABILITIES,
    },
  });
}

/** An execution that this worker has claimed. */
export async function claimed(
  world: ApiWorld,
  worker: RegisterAnswer,
  ref: string,
  more: Record<string, unknown> = {},
) {
  const id = await anExecution(world, ref, more);
  await dispatched(world.sql, id);
  const { items } = await world.json(200, "POST", "/api/v1/agent/claim", {
    token: worker.token,
    body: { items: [{ id, attempt: 1, lease: crypto.randomUUID() }] },
  });
  return items[0];
}

/** What the settling of an outcome does to the row. */
export async function settled(
  sql: Db,
  id: number,
  result: unknown = { succeeded: true },
): Promise<void> {
  await sql`update execution set status = 'completed', finished_at = now(), lease_token = null,
    lease_until = null, result = ${
    JSON.stringify(result)
  }::text::json where id = ${id}`;
}

/** Collects the changes that are published from now on. */
export async function changesOf(bus: Bus) {
  const seen: ExecutionChange[] = [];
  const watch = await bus.watch<{ changes: ExecutionChange[] }>(
    "changed",
    ({ changes }) => seen.push(...changes),
  );
  return { seen, [Symbol.dispose]: () => watch[Symbol.dispose]() };
}
