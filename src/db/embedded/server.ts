import type { Log } from "../../log.ts";
import { pollUntil } from "./poll_until.ts";
import { signalChild } from "./run_program.ts";
import type { ServerUser } from "./server_user.ts";

export interface Server extends AsyncDisposable {
  readonly pid: number;
}

export interface StartServerOptions {
  /** Holds `server.log`. */
  directory: string;
  data: string;
  programs: string;
  user: ServerUser;
  /** Where its socket appears. */
  socketDirectory: string;
  /** On top of {@linkcode SETTINGS}. */
  settings: Record<string, string>;
  log: Log;
  signal?: AbortSignal;
}

/** Durable, small, and quick to start. */
const SETTINGS = {
  listen_addresses: "",
  unix_socket_permissions: "0700",
  max_connections: "100",
  shared_buffers: "64MB",
  wal_level: "minimal",
  max_wal_senders: "0",
  min_wal_size: "32MB",
  max_wal_size: "512MB",
  checkpoint_timeout: "15min",
  jit: "off",
  // The default starts three more processes.
  io_method: "sync",
  max_logical_replication_workers: "0",
  max_parallel_workers_per_gather: "0",
  huge_pages: "off",
  log_checkpoints: "off",
  log_timezone: "UTC",
};

/** The tail of a log that a message carries, in bytes. */
const TAIL = 4096;
const MAX_LOG = 1 << 20;
/** A killed server's last processes may hold its memory for a moment. */
const STILL_IN_USE = "pre-existing shared memory block";

/** Starts the server and waits until it takes connections; its own log text is in the error. */
export async function startServer(
  options: StartServerOptions,
): Promise<Server> {
  const logFile = `${options.directory}/server.log`;
  await prepareLog(logFile, options.user);
  const deadline = performance.now() + 10_000;
  for (;;) {
    // deno-lint-ignore no-await-in-loop -- again only after the last one failed
    const started = await tryStart(options, logFile);
    if ("server" in started) return started.server;
    const { tail, code } = started;
    if (!tail.includes(STILL_IN_USE) || performance.now() > deadline) {
      throw new Error(
        `Cannot start PostgreSQL on "${options.data}", it ended with ${code}: ${tail}`,
      );
    }
    // deno-lint-ignore no-await-in-loop -- again only after the last one failed
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function tryStart(
  options: StartServerOptions,
  logFile: string,
): Promise<{ server: Server } | { tail: string; code: number }> {
  const { data, log, signal } = options;
  signal?.throwIfAborted();
  const before = (await Deno.stat(logFile)).size;
  const child = spawnServer(options, logFile);
  let ended: Deno.CommandStatus | undefined;
  let stopping = false;
  const end = child.status.then(async (status) => {
    ended = status;
    if (stopping) return;
    log.error("PostgreSQL ended by itself", {
      code: status.code,
      log: await tailOf(logFile, before),
    });
  });
  const stop = async () => {
    stopping = true;
    await stopServer(child, end, () => ended !== undefined);
  };
  // No event tells of readiness; recovery after a crash may take its time.
  stopping = true;
  await pollUntil(
    async () =>
      ended !== undefined || signal?.aborted === true ||
      await isReady(data, child.pid),
    Infinity,
  );
  if (signal?.aborted) await stop();
  signal?.throwIfAborted();
  if (ended !== undefined) {
    return { tail: await tailOf(logFile, before), code: ended.code };
  }
  stopping = false;
  return { server: { pid: child.pid, [Symbol.asyncDispose]: stop } };
}

function spawnServer(
  { data, programs, user, socketDirectory, settings }: StartServerOptions,
  logFile: string,
): Deno.ChildProcess {
  const all: Record<string, string> = {
    ...SETTINGS,
    unix_socket_directories: socketDirectory,
    ...settings,
  };
  const { command, args, ...owner } = user.as(`${programs}/bin/postgres`, [
    ...["-D", data],
    ...Object.entries(all).flatMap(([key, value]) => ["-c", `${key}=${value}`]),
  ]);
  return new Deno.Command("sh", {
    // Each step replaces the one before: our child is the server itself.
    args: ["-c", 'exec "$@" 2>>"$0"', logFile, command, ...args],
    ...owner,
    env: { TZ: "UTC", LC_ALL: "C" },
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "null",
    // Its own group: Ctrl-C in a terminal must not end it before us.
    detached: true,
  }).spawn();
}

/** Fast, then immediate, then by force. */
async function stopServer(
  child: Deno.ChildProcess,
  end: Promise<void>,
  hasEnded: () => boolean,
): Promise<void> {
  const steps = [["SIGINT", 20_000], ["SIGQUIT", 10_000], ["SIGKILL", 5_000]];
  for (const [signal, ms] of steps as [Deno.Signal, number][]) {
    if (hasEnded()) break;
    signalChild(child, signal);
    const timer = Promise.withResolvers<void>();
    const id = setTimeout(timer.resolve, ms);
    // deno-lint-ignore no-await-in-loop -- the harder way only when the first failed
    await Promise.race([end, timer.promise]);
    clearTimeout(id);
  }
  await end;
}

/** The last line of `postmaster.pid` says `ready` once it takes connections. */
async function isReady(data: string, pid: number): Promise<boolean> {
  try {
    const lines = (await Deno.readTextFile(`${data}/postmaster.pid`))
      .split("\n");
    return lines[0] === `${pid}` && lines[7]?.trim() === "ready";
  } catch {
    return false;
  }
}

async function prepareLog(logFile: string, user: ServerUser): Promise<void> {
  const size = await Deno.stat(logFile).then((s) => s.size).catch(() => -1);
  if (size > MAX_LOG) await Deno.rename(logFile, `${logFile}.1`);
  const file = await Deno.open(logFile, {
    append: true,
    create: true,
    mode: 0o600,
  });
  file.close();
  if (Deno.uid() === 0) await Deno.chown(logFile, user.uid, user.gid);
}

async function tailOf(logFile: string, from: number): Promise<string> {
  using file = await Deno.open(logFile);
  const { size } = await file.stat();
  await file.seek(Math.max(from, size - TAIL), Deno.SeekMode.Start);
  const bytes = new Uint8Array(TAIL);
  const length = await file.read(bytes) ?? 0;
  return new TextDecoder().decode(bytes.subarray(0, length)).trim();
}
