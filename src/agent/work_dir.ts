import { join } from "node:path";

/** The directory of one attempt: mode 0700, with `home/` and `tmp/`. */
export interface WorkDir {
  readonly path: string;
  /** Removes it, whatever is inside. Never rejects. */
  remove(): Promise<void>;
}

/** Makes a fresh directory `name` below `root`; what a killed agent left there is removed first. */
export async function makeWorkDir(
  root: string,
  name: string,
): Promise<WorkDir> {
  const path = join(root, name);
  try {
    Deno.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    await removeTree(path);
    Deno.mkdirSync(path, { mode: 0o700 });
  }
  // Three calls of some microseconds on a local disk: a thread switch costs more.
  Deno.mkdirSync(`${path}/home`, { mode: 0o700 });
  Deno.mkdirSync(`${path}/tmp`, { mode: 0o700 });
  return { path, remove: () => removeTree(path) };
}

/** Writes a private file into the work dir. */
export function writePrivate(
  path: string,
  text: string,
  mode: 0o400 | 0o600,
): void {
  Deno.writeTextFileSync(path, text, { mode, createNew: true });
}

/** Removes a tree even when directories in it are read-only. Never rejects. */
export async function removeTree(path: string): Promise<void> {
  for (const again of [true, true, false]) {
    try {
      // deno-lint-ignore no-await-in-loop -- each try follows a repair
      await Deno.remove(path, { recursive: true });
      return;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || !again) return;
    }
    // Somebody who is being ended may still write, or took rights away.
    // deno-lint-ignore no-await-in-loop -- each try follows a repair
    await openUp(path);
  }
}

async function openUp(dir: string): Promise<void> {
  try {
    await Deno.chmod(dir, 0o700);
    for await (const { name, isDirectory } of Deno.readDir(dir)) {
      if (isDirectory) await openUp(join(dir, name));
    }
  } catch {
    // It vanished meanwhile, or it is not ours.
  }
}

/** Removes the directories `names` in `root`: attempts of a former life of this agent. */
export async function clearWorkRoot(
  root: string,
  names: readonly string[],
): Promise<void> {
  await Promise.all(names.map((name) => removeTree(join(root, name))));
}
