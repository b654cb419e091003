import { randomBytes } from "node:crypto";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { removeTree } from "./remove_tree.ts";

/** The directory of one attempt: empty, mode 0700, with `home/`, `tmp/` and `artifacts/` in it. */
export interface WorkDir {
  readonly path: string;
  /** Of an execution chain that has no directory of its own yet. */
  readonly artifacts: string;
}

/** Work dirs; one that has been emptied serves again as long as there is much to do. */
export interface WorkDirs extends AsyncDisposable {
  take(): WorkDir;
  /** The attempt is over. When `settled` resolves nobody uses the directory any more: then it is emptied. */
  giveBack(dir: WorkDir, settled: Promise<unknown>): void;
}

export interface WorkDirsOptions {
  root: string;
  /** An unused directory is removed after this time; default 1,000 ms. */
  idleMs?: number;
}

const PARTS = ["home", "tmp", "artifacts"] as const;
const MODE = 0o700;
const POOL_MAX = 256;

/**
 * Making and removing a directory waits for the journal of the file system,
 * some 0.3 ms of the main thread and more while a database on the same disk
 * commits. So directories that are proven empty are used again, and removed
 * when nothing wants them.
 */
export function makeWorkDirs(
  { root, idleMs = 1_000 }: WorkDirsOptions,
): WorkDirs {
  // Unlike any name of a former life, whose directories are being removed.
  const prefix = randomBytes(4).toString("hex");
  const pool: { dir: WorkDir; since: number }[] = [];
  const busy = new Set<Promise<void>>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let made = 0;
  let closed = false;

  function track(work: Promise<void>) {
    busy.add(work);
    work.finally(() => busy.delete(work));
  }

  async function reclaim(dir: WorkDir, settled: Promise<unknown>) {
    await settled;
    if (!isIntact(dir.path) || !await emptied(dir.path)) {
      return await removeTree(dir.path);
    }
    if (closed || pool.length >= POOL_MAX) return await removeTree(dir.path);
    pool.push({ dir, since: performance.now() });
    timer ??= setTimeout(trim, idleMs);
  }

  /** The pool is used from its end, so what is idle is at its beginning. */
  function trim() {
    timer = undefined;
    const before = performance.now() - idleMs;
    while (pool.length > 0 && (pool[0]!.since <= before || closed)) {
      track(removeTree(pool.shift()!.dir.path));
    }
    if (pool.length > 0) timer = setTimeout(trim, idleMs);
  }

  return {
    take() {
      const ready = pool.pop();
      if (ready !== undefined) return ready.dir;
      const path = join(root, `${prefix}-${++made}`);
      Deno.mkdirSync(path, { mode: MODE });
      for (const part of PARTS) {
        Deno.mkdirSync(`${path}/${part}`, { mode: MODE });
      }
      return { path, artifacts: `${path}/artifacts` };
    },
    giveBack: (dir, settled) => track(reclaim(dir, settled)),
    async [Symbol.asyncDispose]() {
      closed = true;
      clearTimeout(timer);
      while (busy.size > 0) {
        // deno-lint-ignore no-await-in-loop -- ending one may begin another
        await Promise.all(busy);
      }
      trim();
      await Promise.all(busy);
    },
  };
}

/** True when the directory and its parts are still directories that nobody else may enter. */
function isIntact(path: string): boolean {
  try {
    return [path, ...PARTS.map((part) => `${path}/${part}`)].every((dir) => {
      const stat = lstatSync(dir);
      return stat.isDirectory() && (stat.mode & 0o7777) === MODE;
    });
  } catch {
    return false;
  }
}

/** Removes whatever an attempt left; false when that did not work. */
async function emptied(path: string): Promise<boolean> {
  const parts: readonly string[] = PARTS;
  const left = () => [
    ...readdirSync(path).filter((name) => !parts.includes(name)),
    ...PARTS.flatMap((part) =>
      readdirSync(`${path}/${part}`).map((name) => `${part}/${name}`)
    ),
  ];
  const names = left();
  if (names.length === 0) return true;
  await Promise.all(names.map((name) => removeTree(`${path}/${name}`)));
  return left().length === 0;
}
