import { join, sep } from "node:path";
import { Buffer } from "node:buffer";

/** One regular file of a pack tree. */
export interface TreeFile {
  /** Relative to the pack, `/` between parts. */
  path: string;
  /** Where its bytes are; symbolic links are already followed. */
  source: string;
  executable: boolean;
  size: number;
}

/** A pack tree: what belongs to it, and what was found but left out. */
export interface Tree {
  /** In byte order of `path`. */
  files: TreeFile[];
  leftOut: { path: string; why: string }[];
}

export interface TreeOptions {
  /** A directory outside the pack whose YAML files count as the pack's `runtimes/*.yaml`. */
  runtimesDir?: string | undefined;
}

/** Version-control data and caches that programs leave behind: never part of a pack. */
const NOT_PACK = new Set([".git", ".hg", ".svn", "__pycache__", ".DS_Store"]);

/**
 * Lists the files of a pack. Symbolic links that stay inside the pack stand
 * for what they point to; those that leave it, dangle or go in circles are
 * left out, and so are sockets, pipes and devices. Empty directories do not
 * count.
 */
export async function treeFiles(
  dir: string,
  options: TreeOptions = {},
): Promise<Tree> {
  const tree: Tree = { files: [], leftOut: [] };
  await walkRoot(dir, "", tree);
  if (options.runtimesDir !== undefined) {
    tree.files.push(...await descriptors(options.runtimesDir));
  }
  tree.files.sort((a, b) =>
    Buffer.compare(Buffer.from(a.path), Buffer.from(b.path))
  );
  return tree;
}

async function walkRoot(dir: string, prefix: string, tree: Tree) {
  const root = await Deno.realPath(dir);
  await walk({ root, at: root, prefix, seen: [root], tree });
}

/** The YAML files directly in the directory; what else is there is no part of a pack. */
async function descriptors(dir: string): Promise<TreeFile[]> {
  const tree: Tree = { files: [], leftOut: [] };
  await walkRoot(dir, "runtimes/", tree);
  return tree.files.filter(({ path }) => /^runtimes\/[^/]*\.ya?ml$/.test(path));
}

interface Step {
  root: string;
  at: string;
  prefix: string;
  /** Real directories above this one: meeting one again is a circle. */
  seen: string[];
  tree: Tree;
}

async function walk(step: Step): Promise<void> {
  for await (const entry of Deno.readDir(step.at)) {
    if (NOT_PACK.has(entry.name)) continue;
    const path = step.prefix + entry.name;
    const why = await take(step, path, join(step.at, entry.name), entry);
    if (why !== undefined) step.tree.leftOut.push({ path, why });
  }
}

/** Undefined when the entry was taken, else why it was not. */
async function take(
  step: Step,
  path: string,
  found: string,
  entry: Deno.DirEntry,
): Promise<string | undefined> {
  let source = found;
  if (entry.isSymlink) {
    const target = await realPathOrNone(found);
    if (target === undefined) return "a symbolic link that leads nowhere";
    if (!isInside(target, step.root)) {
      return "a symbolic link that leads out of the pack";
    }
    source = target;
  }
  const info = await Deno.stat(source);
  if (info.isDirectory) {
    if (step.seen.includes(source)) return "a symbolic link to its own parent";
    const seen = [...step.seen, source];
    await walk({ ...step, at: source, prefix: `${path}/`, seen });
    return;
  }
  if (!info.isFile) return "neither a file nor a directory";
  const executable = ((info.mode ?? 0) & 0o111) !== 0;
  step.tree.files.push({ path, source, executable, size: info.size });
}

async function realPathOrNone(path: string): Promise<string | undefined> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (error instanceof Deno.errors.FilesystemLoop) return;
    throw error;
  }
}

/** True when a real path is the real directory `root` or below it. */
export function isInside(path: string, root: string): boolean {
  return path === root ||
    path.startsWith(root.endsWith(sep) ? root : root + sep);
}
