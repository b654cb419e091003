import { basename, dirname, join } from "node:path";
import { archiveTree } from "../packs/archive_tree.ts";
import { hashTree } from "../packs/tree_hash.ts";

const KEEP_OLD_MS = 24 * 60 * 60 * 1000;

const building = new Map<string, Promise<boolean>>();

/**
 * The tar.gz of the installed pack whose tree has this hash, made once and
 * kept beside the packs. Undefined when the pack is not there or is another
 * version by now.
 */
export async function openPackArchive(
  packsBaseDir: string,
  { ref, hash }: { ref: string; hash: string },
): Promise<Deno.FsFile | undefined> {
  const path = join(packsBaseDir, ".archives", `${ref}-${hash}.tar.gz`);
  const known = await openOrNone(path);
  if (known !== undefined) return known;
  let made = building.get(path);
  if (made === undefined) {
    made = makeArchive(join(packsBaseDir, ref), { hash, path })
      .finally(() => building.delete(path));
    building.set(path, made);
  }
  return await made ? await openOrNone(path) : undefined;
}

/** False when the tree is missing or has another hash, before or after it was packed. */
async function makeArchive(
  dir: string,
  { hash, path }: { hash: string; path: string },
): Promise<boolean> {
  if (await hashOf(dir) !== hash) return false;
  await Deno.mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${crypto.randomUUID()}`;
  try {
    await Deno.writeFile(draft, archiveTree(dir));
    // A load may have replaced files while they were read.
    if (await hashOf(dir) !== hash) return false;
    await Deno.rename(draft, path);
    await removeOld(path);
    return true;
  } finally {
    await Deno.remove(draft).catch(() => {});
  }
}

/** Archives of former versions go once nobody who claimed under them can still want them. */
async function removeOld(path: string): Promise<void> {
  const name = /^(.*)-[0-9a-f]{64}\.tar\.gz$/;
  const ref = name.exec(basename(path))?.[1];
  const dir = dirname(path);
  for await (const entry of Deno.readDir(dir)) {
    const old = join(dir, entry.name);
    if (old === path || name.exec(entry.name)?.[1] !== ref) continue;
    const { mtime } = await Deno.stat(old);
    if (Date.now() - (mtime?.getTime() ?? 0) > KEEP_OLD_MS) {
      await Deno.remove(old);
    }
  }
}

async function hashOf(dir: string): Promise<string | undefined> {
  try {
    return await hashTree(dir);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function openOrNone(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
