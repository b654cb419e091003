import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { out } from "./cli/terminal.ts";
import { type Config, loadConfig } from "./config.ts";
import { type HomeLock, lockHome } from "./db/home_lock.ts";
import { watchLaunchers } from "./start/launcher_watch.ts";
import type { Stop } from "./lifecycle.ts";
import type { Log } from "./log.ts";
import { runRole } from "./roles/run_role.ts";
import { openStartBus } from "./start/bus.ts";
import { openStartDatabase } from "./start/database.ts";
import { openStartLog } from "./start/log.ts";
import { startPreset } from "./start/preset.ts";
import { renderScreen } from "./start/screen.ts";
import { readOrMakeSecrets } from "./start/secrets.ts";

/** Killing what still runs, and closing the servers. */
const CLOSING_MS = 10_000;
const PATIENCE_MS = 3_000;

/** `attune start`: every role in this process, until it is asked to stop. */
export async function start({ verbose }: { verbose: boolean }): Promise<void> {
  const { config: given, sources } = loadConfig({
    env: Deno.env.toObject(),
    cwd: Deno.cwd(),
    preset: startPreset,
  });
  await using outermost = new AsyncDisposableStack();
  const lock = outermost.use(await lockSoon(given.home));
  const { level } = given.log;
  const log = openStartLog({ home: given.home, level, verbose }, outermost);
  const config = withSecrets(given, await readOrMakeSecrets(given.home));
  const { shutdown_timeout, kill_grace } = config.worker;
  await runRole({
    graceMs: (shutdown_timeout + kill_grace) * 1000 + CLOSING_MS,
    log,
    async open(stack, stop) {
      stack.use(
        watchLaunchers(() => stop.request("what started us has gone")),
      );
      await openAll(config, { sources, log, stack, stop, tell: lock.tell });
    },
  });
}

/** A stack that is just ending may take a moment; one that runs is named in the error. */
async function lockSoon(home: string): Promise<HomeLock> {
  for (const until = performance.now() + PATIENCE_MS;;) {
    try {
      // deno-lint-ignore no-await-in-loop -- one try after the other
      return await lockHome(home);
    } catch (error) {
      if (performance.now() > until) throw error;
    }
    // deno-lint-ignore no-await-in-loop -- one try after the other
    await delay(100);
  }
}

interface Opening {
  sources: ReadonlyMap<string, string>;
  log: Log;
  stack: AsyncDisposableStack;
  stop: Stop;
  tell: (url: string) => void;
}

async function openAll(config: Config, opening: Opening): Promise<void> {
  const { sources, log, stack, stop, tell } = opening;
  const phase = phases(log);
  const [database, bus, { openApi }, { openScheduler }, { openAgent }] =
    await settled([
      openStartDatabase(config, { log, stack, signal: stop.soft })
        .finally(() => phase("database")),
      openStartBus(config, { log, stack }).finally(() => phase("bus")),
      import("./roles/wire_api.ts"),
      import("./roles/wire_scheduler.ts"),
      import("./roles/wire_agent.ts"),
    ]);
  const { db } = database;
  let waiting: string | null = "The platform is starting";
  const server = await openApi(config, {
    db,
    bus: bus.bus,
    agentBus: bus.agentBus,
    log: log.child({ role: "api" }),
    waitsFor: () => waiting,
  }, stack);
  phase("api");
  const url = localUrl(config.server.host, server.port);
  tell(url);
  await openScheduler(config, {
    db,
    bus: bus.bus,
    log: log.child({ role: "scheduler" }),
  }, stack);
  // Last, so that it is closed first and the scheduler hears how its work ended.
  await openAgent(config, {
    apiUrl: url,
    joinToken: config.security.agent_join_token!,
    workerType: "local",
    sources,
    log: log.child({ role: "agent" }),
    bus: bus.bus,
    stop,
  }, stack);
  waiting = null;
  phase("scheduler and agent");
  const { admin_login: login, admin_password: password } = config.security;
  await leaveLogin(config.home, { url, login, password }, stack);
  const published = sources.get("security.admin_password") === "preset";
  await out(renderScreen({
    url,
    login,
    password: published ? password : null,
    home: config.home,
    database: database.name,
    bus: bus.name,
    tookMs: phase("ready"),
    notices: [
      ...database.notices,
      ...(published && !isLoopback(config.server.host)
        ? [
          `Everybody who reaches ${config.server.host}:${server.port} can log in: set ATTUNE_ADMIN_LOGIN and ATTUNE_ADMIN_PASSWORD`,
        ]
        : []),
    ],
  }));
}

function withSecrets(
  config: Config,
  made: Awaited<ReturnType<typeof readOrMakeSecrets>>,
): Config {
  const { security } = config;
  return {
    ...config,
    security: {
      ...security,
      jwt_secret: security.jwt_secret ?? made.jwt_secret,
      encryption_key: security.encryption_key ?? made.encryption_key,
      agent_join_token: security.agent_join_token ?? made.agent_join_token,
    },
  };
}

/** All results, or the first error once every part has come up or failed: what is open is on the stack then. */
async function settled<T extends readonly unknown[]>(
  parts: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  await Promise.allSettled(parts);
  return await Promise.all(parts) as unknown as T;
}

/** So that the command line of the same directory needs no login. Gone when we are. */
async function leaveLogin(
  home: string,
  session: { url: string; login: string | null; password: string | null },
  stack: AsyncDisposableStack,
): Promise<void> {
  if (session.login === null || session.password === null) return;
  const path = join(home, "cli.json");
  await Deno.remove(path).catch(() => {});
  await Deno.writeTextFile(path, JSON.stringify(session, null, 2) + "\n", {
    mode: 0o600,
    createNew: true,
  });
  stack.defer(() => Deno.remove(path).catch(() => {}));
}

/** Notes how long the start took so far; answers that, in milliseconds since the process began. */
function phases(log: Log): (name: string) => number {
  return (name) => {
    const ms = Math.round(performance.now());
    log.debug("started", { phase: name, ms });
    return ms;
  };
}

/** How this machine reaches a server that listens on `host`. */
function localUrl(host: string, port: number): string {
  if (host === "0.0.0.0") return `http://127.0.0.1:${port}`;
  if (host === "::") return `http://[::1]:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
