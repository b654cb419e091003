import { Buffer } from "node:buffer";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import nodeProcess from "node:process";

/** Where the rest of the room gets processes from; the sandbox launcher takes this file's place. */
export interface SpawnSpec {
  /** The program by absolute path, then its arguments. */
  argv: readonly [string, ...string[]];
  cwd: string;
  /** The whole environment; nothing is inherited. */
  env: Record<string, string>;
  /** Piped only when there is something to say. */
  stdin: "piped" | "null";
}

/** A running process that leads its own session and process group. */
export interface Started {
  readonly pid: number;
  readonly stdin: WritableStream<Uint8Array> | null;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Resolves when the process is gone and reaped; never rejects. */
  readonly status: Promise<{ code: number; signal: string | null }>;
  /** Signals everybody in the group. False when nobody is left in it. */
  signalGroup(signal: "SIGTERM" | "SIGKILL"): boolean;
  /** True while somebody is left in the group, zombies included. */
  groupAlive(): boolean;
  /** True when the process has ended, even if nobody has noticed yet. */
  ended(): boolean;
}

export const SPAWN_CODES = [
  "ENOENT",
  "EACCES",
  "ENOEXEC",
  "ETXTBSY",
  "EAGAIN",
  "ENOMEM",
  "E2BIG",
  "ECWD",
  "EOTHER",
] as const;
export type SpawnCode = typeof SPAWN_CODES[number];

/** The kernel would not start the program. `ECWD`: its working directory is missing. */
export class SpawnFailed extends Error {
  override name = "SpawnFailed";
  constructor(readonly code: SpawnCode, message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/** What `setsid` exits with when it could not start the program. */
const SETSID_FAILED = new Set([126, 127]);
const SETSID_PLACES = ["/usr/bin/setsid", "/bin/setsid"];

let setsidPath: string | null | undefined;

/**
 * The `setsid` of the system, or null. Through it a spawn is a `posix_spawn`
 * and one more exec; Deno's `detached` is a fork on the main thread that grows
 * with the heap (2 ms at 60 MB, 10 ms at 400 MB).
 */
function setsid(): string | null {
  return setsidPath ??= SETSID_PLACES.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts a program in a session of its own with umask 022. Throws
 * {@linkcode SpawnFailed}; a failure that only shows after the start is
 * recognised by {@linkcode failedToExec}.
 */
export function spawn(spec: SpawnSpec, { exact = false } = {}): Started {
  const [program, ...args] = spec.argv;
  const wrapper = exact ? null : setsid();
  const umask = Deno.umask(0o022);
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(wrapper ?? program, {
      args: wrapper === null ? args : [program, ...args],
      cwd: spec.cwd,
      env: spec.env,
      clearEnv: true,
      stdin: spec.stdin,
      stdout: "piped",
      stderr: "piped",
      detached: wrapper === null,
    }).spawn();
  } catch (cause) {
    throw toSpawnFailed(cause, program);
  } finally {
    Deno.umask(umask);
  }
  return started(child, spec.stdin === "piped");
}

function started(child: Deno.ChildProcess, fed: boolean): Started {
  let gone = false;
  const status = child.status.then(
    ({ code, signal }) => ({ code, signal }),
    // Deno cannot name the realtime signals: "Invalid signal: 35".
    (error) => ({ code: -1, signal: realtimeName(error) }),
  ).finally(() => gone = true);
  return {
    pid: child.pid,
    stdin: fed ? child.stdin : null,
    stdout: child.stdout,
    stderr: child.stderr,
    status,
    signalGroup(signal) {
      if (trySignal(() => Deno.kill(-child.pid, signal))) return true;
      // Between posix_spawn and setsid() there is no group yet.
      return !gone && trySignal(() => child.kill(signal));
    },
    groupAlive() {
      return trySignal(() => nodeProcess.kill(-child.pid, 0));
    },
    ended() {
      return gone || isZombie(child.pid);
    },
  };
}

function trySignal(send: () => void): boolean {
  // That nobody is there is the usual answer: its stack trace would cost more than the call.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    send();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof TypeError) {
      return false;
    }
    if ((error as { code?: string }).code === "ESRCH") return false;
    // Somebody is there, under another user: alive, and not ours to signal.
    if (isPermission(error)) return true;
    throw error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return /\) [ZX]/.test(stat.slice(stat.lastIndexOf(")")));
  } catch (error) {
    // Without /proc nothing is known of a process before it is reaped.
    return (error as { code?: string }).code === "ENOENT" &&
      existsSync("/proc/self/stat");
  }
}

function isPermission(error: unknown): boolean {
  return error instanceof Deno.errors.PermissionDenied ||
    (error as { code?: string }).code === "EPERM";
}

function realtimeName(error: unknown): string {
  const number = /signal: (\d+)/.exec(String(error))?.[1];
  return number === undefined ? "unknown signal" : `signal ${number}`;
}

/**
 * True when the process that ended this way never was the program: `setsid`
 * could not exec it. Starting it again with `exact` names the cause.
 */
export function failedToExec(
  program: string,
  end: { code: number; signal: string | null },
  stderrHead: Uint8Array,
): boolean {
  if (end.signal !== null || !SETSID_FAILED.has(end.code)) return false;
  if (setsidPath === null) return false;
  const text = Buffer.from(stderrHead).toString("utf8");
  return text.startsWith(`setsid: failed to execute ${program}: `) ||
    text.startsWith(`setsid: can't execute '${program}': `);
}

function toSpawnFailed(cause: unknown, program: string): SpawnFailed {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new SpawnFailed(codeOf(cause, message, program), message, cause);
}

function codeOf(cause: unknown, message: string, program: string): SpawnCode {
  if (message.includes("No such cwd")) return "ECWD";
  const known = SPAWN_CODES.find((code) =>
    code === (cause as { code?: unknown }).code
  );
  if (known !== undefined) return known;
  const errno = /\(os error (\d+)\)$/.exec(message)?.[1];
  const byNumber: Record<string, SpawnCode> = {
    2: "ENOENT",
    7: "E2BIG",
    8: "ENOEXEC",
    11: "EAGAIN",
    12: "ENOMEM",
    13: "EACCES",
    26: "ETXTBSY",
  };
  if (errno !== undefined) return byNumber[errno] ?? "EOTHER";
  if (cause instanceof Deno.errors.NotFound) return "ENOENT";
  if (cause instanceof Deno.errors.PermissionDenied) {
    return isExecutable(program) ? "EOTHER" : "EACCES";
  }
  return "EOTHER";
}
