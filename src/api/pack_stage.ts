import { basename, dirname, join } from "node:path";
import { treeFiles, type TreeOptions } from "../packs/tree_files.ts";

/** How the directories of stages begin, and those of trees that stepped aside on them. */
export const STAGE = ".staging-";
export const REPLACED = ".replaced-";

/** A place beside the installed packs, on the same file system. Gone when disposed of. */
export interface Stage extends AsyncDisposable {
  readonly dir: string;
}

/** Opens an empty stage. */
export async function openStage(packsBaseDir: string): Promise<Stage> {
  await Deno.mkdir(packsBaseDir, { recursive: true });
  const dir = join(packsBaseDir, STAGE + crypto.randomUUID());
  await Deno.mkdir(dir);
  return {
    dir,
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

/** Copies a pack tree onto the stage, links resolved, and returns where it is. */
export async function copyToStage(
  { dir: stage }: Stage,
  dir: string,
  options: TreeOptions = {},
): Promise<string> {
  const target = join(stage, "pack");
  await Deno.mkdir(target);
  const { files } = await treeFiles(dir, options);
  for (const { path, source, executable } of files) {
    const copy = join(target, path);
    // deno-lint-ignore no-await-in-loop -- thousands of files at once would exhaust descriptors
    await Deno.mkdir(dirname(copy), { recursive: true });
    // deno-lint-ignore no-await-in-loop
    await Deno.copyFile(source, copy);
    // deno-lint-ignore no-await-in-loop
    await Deno.chmod(copy, executable ? 0o755 : 0o644);
  }
  return target;
}

/** A swap of trees that is taken back unless kept. */
export interface Swap extends AsyncDisposable {
  /** Makes the tree the installed one; the old one steps aside. */
  swap(): Promise<void>;
  keep(): void;
}

/** Prepares to install `tree`, which is on the stage, as `installed`; null = to have none there. */
export function swapTrees(
  { dir: stage }: Stage,
  tree: string | null,
  installed: string,
): Swap {
  const aside = join(stage, REPLACED + basename(installed));
  let moved = false;
  let swapped = false;
  let kept = false;
  return {
    async swap() {
      moved = await renameIfThere(installed, aside);
      if (tree === null) return;
      await Deno.rename(tree, installed);
      swapped = true;
    },
    keep() {
      kept = true;
    },
    async [Symbol.asyncDispose]() {
      if (kept) return;
      if (swapped) await Deno.rename(installed, tree!);
      if (moved) await Deno.rename(aside, installed);
    },
  };
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await Deno.rename(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
