import { type Client, logIn } from "./client.ts";
import { freePort } from "./free_port.ts";
import { type Program, startProgram } from "./program.ts";
import { findPostgresBin, startRealPostgres } from "./real_postgres.ts";
import { testNats } from "./nats.ts";
import { until } from "./until.ts";

/** A running platform: everything in one process, or each role in its own on real servers. */
export interface Stack extends AsyncDisposable {
  readonly kind: "embedded" | "servers";
  readonly url: string;
  /** Fresh directory of this stack alone. */
  readonly home: string;
  readonly client: Client;
  /** The processes by role; an embedded stack has only `start`. */
  readonly programs: Record<string, Program>;
  /** What it runs on, for messages. */
  readonly servers: string;
  /** SIGKILL to one role, then starts it again. */
  restart(role: string): Promise<void>;
  killBus(): Promise<void>;
  restartBus(): Promise<void>;
}

export interface StackOptions {
  env?: Record<string, string>;
  /** Agents to run; `servers` only. */
  agents?: number;
  /** PostgreSQL with durable settings; `servers` only. */
  durable?: boolean;
}

/** Why stacks on real servers cannot run here; undefined when they can. */
export function serversMissing(): string | undefined {
  if (findPostgresBin() === undefined) return "no PostgreSQL server binaries";
  const nats = Deno.env.get("ATTUNE_TEST_NATS_SERVER") ?? "nats-server";
  try {
    new Deno.Command(nats, { args: ["--version"], stdout: "null" })
      .outputSync();
    return undefined;
  } catch {
    return "no nats-server";
  }
}

/** `deno task start` in a home of its own. */
export async function startEmbedded(
  { env = {} }: StackOptions = {},
): Promise<Stack> {
  await using undo = new AsyncDisposableStack();
  const home = await freshHome(undo);
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const programEnv = {
    ATTUNE_HOME: `${home}/attune`,
    ATTUNE__SERVER__PORT: `${port}`,
    ATTUNE__MESSAGE_QUEUE__URL: "embedded",
    ...env,
  };
  const programs: Record<string, Program> = {};
  const launch = () =>
    startProgram(["start"], { env: programEnv, logFile: `${home}/start.log` });
  programs.start = launch();
  undo.defer(() => programs.start![Symbol.asyncDispose]());
  await ready(url, programs.start);
  const client = await logIn(url);
  const open = undo.move();
  return {
    kind: "embedded",
    url,
    home,
    client,
    programs,
    servers: "embedded PostgreSQL, in-process bus",
    async restart(role) {
      programs[role]!.signal("SIGKILL");
      await programs[role]!.status;
      programs[role] = launch();
      await ready(url, programs[role]!);
    },
    killBus: () => Promise.reject(new Error("The bus is in process")),
    restartBus: () => Promise.reject(new Error("The bus is in process")),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** api, scheduler and agents as processes on private copies of PostgreSQL and NATS. */
export async function startOnServers(
  { env = {}, agents = 1, durable = false }: StackOptions = {},
): Promise<Stack> {
  await using undo = new AsyncDisposableStack();
  const home = await freshHome(undo);
  const postgres = undo.use(
    await startRealPostgres(findPostgresBin()!, { durable }),
  );
  const nats = undo.use(await testNats());
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const bus = nats.address;
  const joinToken = crypto.randomUUID();
  const server = {
    ATTUNE_HOME: `${home}/attune`,
    ATTUNE__SERVER__PORT: `${port}`,
    ATTUNE__DATABASE__URL: postgres.url,
    ATTUNE__MESSAGE_QUEUE__URL: bus.servers[0]!,
    ...(bus.user === undefined ? {} : {
      ATTUNE__MESSAGE_QUEUE__USER: bus.user,
      ATTUNE__MESSAGE_QUEUE__PASSWORD: bus.password ?? "",
    }),
    ...(bus.token === undefined
      ? {}
      : { ATTUNE__MESSAGE_QUEUE__TOKEN: bus.token }),
    ATTUNE__SECURITY__JWT_SECRET: crypto.randomUUID() + crypto.randomUUID(),
    ATTUNE__SECURITY__ENCRYPTION_KEY: crypto.randomUUID() + crypto.randomUUID(),
    ATTUNE__SECURITY__AGENT_JOIN_TOKEN: joinToken,
    ATTUNE__SECURITY__ALLOW_SELF_REGISTRATION: "true",
    ATTUNE_ADMIN_LOGIN: "test@attune.local",
    ATTUNE_ADMIN_PASSWORD: "TestPass123!",
    ATTUNE__PACKS_BASE_DIR: `${home}/packs`,
    ATTUNE__ARTIFACTS_DIR: `${home}/artifacts`,
    ...env,
  };
  const roles: Record<string, () => Program> = {
    api: () =>
      startProgram(["api"], { env: server, logFile: `${home}/api.log` }),
    scheduler: () =>
      startProgram(["scheduler"], {
        env: server,
        logFile: `${home}/scheduler.log`,
      }),
  };
  for (let n = 1; n <= agents; n++) {
    const name = agents === 1 ? "agent" : `agent${n}`;
    const agentHome = `${home}/${name}`;
    roles[name] = () =>
      startProgram(["agent"], {
        env: {
          ATTUNE_HOME: agentHome,
          ATTUNE__WORKER__NAME: name,
          ATTUNE_API_URL: url,
          ATTUNE_AGENT_TOKEN: joinToken,
          ATTUNE__PACKS_BASE_DIR: `${agentHome}/packs`,
          ATTUNE__ARTIFACTS_DIR: `${agentHome}/artifacts`,
          ATTUNE__RUNTIME_ENVS_DIR: `${agentHome}/envs`,
          ...env,
        },
        logFile: `${home}/${name}.log`,
      });
  }
  const migration = startProgram(["migrate"], {
    env: server,
    logFile: `${home}/migrate.log`,
  });
  const { code } = await migration.status;
  if (code !== 0) throw new Error(`migrate failed: ${migration.output()}`);
  const programs: Record<string, Program> = {};
  for (const role of Object.keys(roles)) {
    programs[role] = roles[role]!();
    undo.defer(() => programs[role]![Symbol.asyncDispose]());
  }
  await ready(url, programs.api!);
  const client = await logIn(url);
  await until("the agents to register", async () => {
    const { items } = await client.call<{ items: { health_state: string }[] }>(
      "GET",
      "/api/v1/workers",
    );
    return items.filter((w) => w.health_state === "active").length >= agents;
  });
  const open = undo.move();
  return {
    kind: "servers",
    url,
    home,
    client,
    programs,
    servers: `${postgres.version}, nats-server`,
    async restart(role) {
      programs[role]!.signal("SIGKILL");
      await programs[role]!.status;
      programs[role] = roles[role]!();
      if (role === "api") await ready(url, programs[role]!);
    },
    killBus: () => nats.kill(),
    restartBus: () => nats.restart(),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

async function freshHome(undo: AsyncDisposableStack): Promise<string> {
  const home = await Deno.makeTempDir({ prefix: "attune-stack-" });
  undo.defer(() => Deno.remove(home, { recursive: true }));
  return home;
}

async function ready(url: string, program: Program): Promise<void> {
  let gone: Deno.CommandStatus | undefined;
  program.status.then((status) => gone = status);
  await until(`${url}/health`, async () => {
    if (gone !== undefined) return true;
    const answer = await fetch(`${url}/health`);
    await answer.body?.cancel();
    return answer.status === 200;
  }, { withinMs: 60_000 }).catch((error) => {
    throw new Error(`${error.message}\n${program.output()}`);
  });
  if (gone !== undefined) {
    throw new Error(`It exited with ${gone.code}:\n${program.output()}`);
  }
}
