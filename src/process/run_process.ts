import { endGroup } from "./end_group.ts";
import { feed } from "./feed.ts";
import { holdHead } from "./hold_head.ts";
import { readAll } from "./read_all.ts";
import {
  failedToExec,
  spawn,
  type SpawnCode,
  SpawnFailed,
  type SpawnSpec,
  type Started,
} from "./spawn.ts";

/** How a process ended; the first cause wins. Every path out of {@linkcode runProcess} is one of these. */
export type ProcessEnd =
  | { kind: "exited"; code: number }
  | { kind: "signaled"; signal: string }
  | { kind: "stopped"; reason: unknown; forced: boolean }
  | { kind: "unstarted"; code: SpawnCode; message: string };

export type ProcessExit = ProcessEnd & {
  /** From spawn to exit of the process itself; 0 when it never started. */
  durationMs: number;
  /** Output was cut off because something held the pipes to the very end. */
  cut: boolean;
  /** Resolves when those it left in its group have been ended; null when it left nobody. */
  leftovers: Promise<void> | null;
};

export interface ProcessSpec extends Omit<SpawnSpec, "stdin"> {
  /** Empty or absent: end of file at once. */
  stdin?: Uint8Array | undefined;
}

export interface RunProcessOptions {
  /** Gets every byte, in order. Must be quick and keep nothing of the chunk: its memory is used again. */
  onStdout(chunk: Uint8Array): void;
  onStderr(chunk: Uint8Array): void;
  /** How long a stopped process, and those it leaves behind, may take before SIGKILL; default 5,000 ms. */
  graceMs?: number;
  /** The grace where the reason of the stop calls for another. */
  graceFor?: (reason: unknown) => number;
  /** How long output may still arrive after the last SIGKILL; default 500 ms. */
  drainMs?: number;
  /** Asked for when output stays open after the process: ends what left the group, by force after `graceMs`. */
  endStrays?: (graceMs: number) => void;
  signal: AbortSignal;
}

/** How often and how far apart a program that is being written is tried ("text file busy"). */
const BUSY_TRIES = 5;
const BUSY_WAIT_MS = 25;
/** Output that is still open so long after the exit is held by somebody else. */
const HELD_MS = 20;

/** A reason that costs no stack trace. */
const CUT = "cut";

const NOTHING = { durationMs: 0, cut: false, leftovers: null };

/**
 * Runs one process in its own session. Both outputs are read to their end,
 * whatever the process does. When `signal` aborts: SIGTERM to the group, after
 * `graceMs` SIGKILL; whoever is left in the group of a process that has ended
 * is treated the same. Failing and being stopped are values; only a sink that
 * throws makes it reject, after everything was ended.
 */
export async function runProcess(
  spec: ProcessSpec,
  options: RunProcessOptions,
): Promise<ProcessExit> {
  const { signal } = options;
  let exact = false;
  for (let busy = 0;;) {
    // A signal that has aborted must not start anything.
    if (signal.aborted) {
      const { reason } = signal;
      return { kind: "stopped", reason, forced: false, ...NOTHING };
    }
    try {
      // deno-lint-ignore no-await-in-loop -- each try waits for the one before
      const exit = await runOnce(spec, options, exact);
      if (exit !== "not executed") return exit;
      exact = true;
    } catch (error) {
      if (!(error instanceof SpawnFailed)) throw error;
      const { code, message } = error;
      if (code !== "ETXTBSY" || ++busy > BUSY_TRIES) {
        return { kind: "unstarted", code, message, ...NOTHING };
      }
      // deno-lint-ignore no-await-in-loop -- the wait between two tries
      await new Promise((resolve) => setTimeout(resolve, BUSY_WAIT_MS));
    }
  }
}

async function runOnce(
  { stdin, ...spec }: ProcessSpec,
  { onStdout, onStderr, endStrays, signal, ...limits }: RunProcessOptions,
  exact: boolean,
): Promise<ProcessExit | "not executed"> {
  const { graceMs = 5_000, graceFor = () => graceMs, drainMs = 500 } = limits;
  const fed = stdin !== undefined && stdin.length > 0;
  const begun = performance.now();
  const child = spawn({ ...spec, stdin: fed ? "piped" : "null" }, { exact });

  const stop = stopOnAbort(child, signal, graceFor);
  const head = holdHead(onStderr, exact ? "" : "setsid: ");
  let broken: { error: unknown } | undefined;
  const cutting = new AbortController();
  const reading = {
    cut: cutting.signal,
    onBroken(error: unknown) {
      broken ??= { error };
      child.signalGroup("SIGKILL");
    },
  };
  let finished = false;
  const output = Promise.all([
    readAll(child.stdout, onStdout, reading),
    readAll(child.stderr, head.write, reading),
  ]).then(() => finished = true);
  const feeding = fed ? feed(child.stdin!, stdin, cutting.signal) : undefined;

  const status = await child.status;
  const durationMs = performance.now() - begun;
  const stopped = stop.settle();
  const deadline = broken !== undefined
    ? performance.now()
    : stopped?.deadline ?? performance.now() + graceMs;
  const leftovers = endGroup(child, deadline);

  if (!await within(output, HELD_MS)) {
    const left = Math.max(0, deadline - performance.now());
    endStrays?.(left);
    await within(output, left + drainMs);
  }
  const cut = !finished;
  // Also ends the feeding of somebody who does not read.
  if (cut || fed) cutting.abort(CUT);
  await output;
  await feeding;
  if (
    stopped === undefined && failedToExec(spec.argv[0], status, head.held())
  ) return "not executed";
  try {
    head.release();
  } catch (error) {
    broken ??= { error };
  }
  if (broken !== undefined) throw broken.error;

  const facts = { durationMs, cut, leftovers };
  if (stopped !== undefined) {
    const { reason, forced } = stopped;
    return { kind: "stopped", reason, forced, ...facts };
  }
  return status.signal === null
    ? { kind: "exited", code: status.code, ...facts }
    : { kind: "signaled", signal: status.signal, ...facts };
}

interface Stopped {
  reason: unknown;
  forced: boolean;
  /** When the SIGKILL is due, in `performance.now()` time. */
  deadline: number;
}

/** Ends the process when `signal` aborts, unless it has ended before the first signal could be sent. */
function stopOnAbort(
  child: Started,
  signal: AbortSignal,
  graceFor: (reason: unknown) => number,
) {
  let stopped: Stopped | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function begin() {
    if (child.ended() || !child.signalGroup("SIGTERM")) return;
    const graceMs = graceFor(signal.reason);
    const deadline = performance.now() + graceMs;
    const mine: Stopped = { reason: signal.reason, forced: false, deadline };
    stopped = mine;
    timer = setTimeout(() => {
      mine.forced = true;
      child.signalGroup("SIGKILL");
    }, graceMs);
  }
  signal.addEventListener("abort", begin, { once: true });

  return {
    /** What was done; from here on nothing more will be. */
    settle(): Stopped | undefined {
      signal.removeEventListener("abort", begin);
      clearTimeout(timer);
      return stopped;
    },
  };
}

async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const done = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return done;
}
