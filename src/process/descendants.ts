import type { Log } from "../log.ts";
import { listPids, ownLine, readEnviron, readStat } from "./proc.ts";

/** Ends processes that left their group and outlived their attempt. */
export interface Sweeper extends AsyncDisposable {
  /** A process with `ATTUNE_WORK_DIR` in this directory belongs to a live attempt. */
  begin(workDir: string): void;
  /**
   * The attempt has ended. `now`: its descendants are waited for. `graceMs`:
   * what is left of their grace, when it has begun already.
   */
  end(workDir: string, options?: { now?: boolean; graceMs?: number }): void;
  /** Resolves when a look that began after this call found nobody to end; `soon`: it begins at once. */
  swept(options?: { soon?: boolean }): Promise<void>;
}

export interface SweeperOptions {
  /** Work dirs are below it. Processes that name none of them are never touched. */
  workRoot: string;
  graceMs: number;
  log: Log;
  /** Least time between two looks; default 200 ms. */
  everyMs?: number;
}

/** Kernel threads are its children. */
const KTHREADD = 2;

/** One whom the marks in its environment give away. */
interface Stray {
  pid: number;
  startTime: string;
  workDir: string;
  /** When SIGKILL is due, in `performance.now()` time. */
  deadline: number;
  killed: boolean;
}

/**
 * Looks through /proc for descendants of ended attempts: by `ATTUNE_EXEC_ID`
 * and an `ATTUNE_WORK_DIR` below `workRoot` in the environment they were
 * started with. SIGTERM, after the grace SIGKILL. Looks only while something
 * has ended or somebody is being ended, so a run costs it nothing.
 */
export function makeSweeper(
  { workRoot, graceMs, log, everyMs = 200 }: SweeperOptions,
): Sweeper {
  const root = workRoot.endsWith("/") ? workRoot : `${workRoot}/`;
  const spared = ownLine();
  const live = new Set<string>();
  const strays = new Map<number, Stray>();
  /** When SIGKILL is due for those of a work dir, where it is not `graceMs` after they were found. */
  const deadlines = new Map<string, number>();
  /** Those that were looked at and carry no marks: a process keeps the environment it was started with. */
  let foreign = new Set<number>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let dueAt = 0;
  let ended = false;
  let waiting: (() => void)[] = [];
  let closed = false;

  function schedule(ms: number) {
    if (closed) return;
    const due = performance.now() + ms;
    if (timer !== undefined && dueAt <= due) return;
    clearTimeout(timer);
    dueAt = due;
    timer = setTimeout(() => {
      timer = undefined;
      look();
    }, ms);
  }

  function look() {
    ended = false;
    const resolved = waiting;
    waiting = [];
    // Whoever is dead before the list is taken has all of its children on it.
    const known = strays.size;
    for (const stray of strays.values()) pursue(stray);
    find();
    if (known > 0 || strays.size > 0) {
      waiting.push(...resolved);
      return schedule(strays.size > 0 ? everyMs : 0);
    }
    deadlines.clear();
    for (const resolve of resolved) resolve();
    if (ended) schedule(everyMs);
  }

  function find() {
    const pids = listPids();
    const stillForeign = new Set<number>();
    for (const pid of pids) {
      if (pid <= 1 || spared.has(pid)) continue;
      if (foreign.has(pid)) {
        stillForeign.add(pid);
        continue;
      }
      if (strays.has(pid)) continue;
      const before = readStat(pid);
      if (before === null || before.zombie) continue;
      const workDir = workDirOf(pid, before.parent);
      if (workDir === "foreign") stillForeign.add(pid);
      else if (workDir !== undefined && !live.has(workDir)) {
        const deadline = deadlines.get(workDir) ?? performance.now() + graceMs;
        const { startTime } = before;
        const stray = { pid, startTime, workDir, deadline, killed: false };
        if (signal(stray, "SIGTERM")) {
          log.warn("ending a process that outlived its execution", {
            pid,
            work_dir: workDir,
          });
          strays.set(pid, stray);
        }
      }
    }
    foreign = stillForeign;
  }

  /** `foreign`: it never was one of ours. Undefined: it cannot be told now. */
  function workDirOf(pid: number, parent: number): string | undefined {
    const environ = readEnviron(pid);
    if (environ === null || parent === KTHREADD) return "foreign";
    if (environ.length === 0) return undefined;
    if (!environ.some((entry) => entry.startsWith("ATTUNE_EXEC_ID="))) {
      return "foreign";
    }
    const prefix = `ATTUNE_WORK_DIR=${root}`;
    const entry = environ.find((one) => one.startsWith(prefix));
    return entry?.slice("ATTUNE_WORK_DIR=".length) ?? "foreign";
  }

  function pursue(stray: Stray) {
    if (!isSame(stray)) return void strays.delete(stray.pid);
    if (performance.now() < stray.deadline) return;
    if (!signal(stray, "SIGKILL")) strays.delete(stray.pid);
  }

  return {
    begin: (workDir) => void live.add(workDir),
    end(workDir, { now = false, graceMs: left } = {}) {
      live.delete(workDir);
      if (left !== undefined) {
        deadlines.set(workDir, performance.now() + left);
      }
      ended = true;
      if (!now) return schedule(everyMs);
      clearTimeout(timer);
      timer = undefined;
      look();
    },
    swept({ soon = false } = {}) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      if (closed) resolve();
      else schedule(soon ? 0 : everyMs);
      return promise;
    },
    [Symbol.asyncDispose]() {
      closed = true;
      clearTimeout(timer);
      for (const resolve of waiting) resolve();
      waiting = [];
      return Promise.resolve();
    },
  };
}

function isSame({ pid, startTime }: Stray): boolean {
  const now = readStat(pid);
  return now !== null && !now.zombie && now.startTime === startTime;
}

/** False when the process is gone, or its id was given to another one meanwhile. */
function signal(stray: Stray, name: "SIGTERM" | "SIGKILL"): boolean {
  if (!isSame(stray)) return false;
  try {
    Deno.kill(stray.pid, name);
    return true;
  } catch {
    return false;
  }
}
