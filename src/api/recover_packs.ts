import { join } from "node:path";
import { findPackHash } from "../db/pack_list.ts";
import { lockPack } from "../db/pack_store/pack_row.ts";
import { hashTree } from "../packs/tree_hash.ts";
import type { InstallDeps } from "./install_pack.ts";
import { REPLACED, STAGE } from "./pack_stage.ts";

/** No upload takes this long. */
const STALE_MS = 60 * 60 * 1000;

/**
 * Cleans up after processes that were killed while they installed a pack: a
 * tree that was replaced, but whose replacement was never stored, comes back,
 * and stages that nobody uses any more go.
 */
export async function recoverPacks(deps: InstallDeps): Promise<void> {
  const { packsBaseDir } = deps.settings;
  await Deno.mkdir(packsBaseDir, { recursive: true });
  for (const name of await namesIn(packsBaseDir)) {
    if (!name.startsWith(STAGE)) continue;
    const stage = join(packsBaseDir, name);
    for (const entry of await namesIn(stage)) {
      if (!entry.startsWith(REPLACED)) continue;
      // deno-lint-ignore no-await-in-loop -- seldom more than one
      await putBack(deps, entry.slice(REPLACED.length), join(stage, entry));
    }
    // deno-lint-ignore no-await-in-loop
    await removeStale(stage);
  }
}

async function putBack(
  { db, log, settings }: InstallDeps,
  ref: string,
  replaced: string,
): Promise<void> {
  const installed = join(settings.packsBaseDir, ref);
  await db.begin(async (sql) => {
    // Whoever is installing this pack right now holds the lock until its commit.
    await lockPack(sql, ref);
    const hash = await findPackHash(sql, ref);
    if (typeof hash !== "string" || await hashOf(installed) === hash) return;
    if (await hashOf(replaced) !== hash) return;
    await Deno.remove(installed, { recursive: true }).catch(ignoreMissing);
    await Deno.rename(replaced, installed);
    log.warn("took back a pack whose replacement was cut off", { pack: ref });
  });
}

async function removeStale(stage: string): Promise<void> {
  const info = await Deno.stat(stage).catch(ignoreMissing);
  if (Date.now() - (info?.mtime?.getTime() ?? Date.now()) < STALE_MS) return;
  await Deno.remove(stage, { recursive: true }).catch(ignoreMissing);
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
  } catch (error) {
    ignoreMissing(error);
    return [];
  }
}

async function hashOf(dir: string): Promise<string | undefined> {
  return await hashTree(dir).catch(ignoreMissing);
}

/** Another process may have finished meanwhile. */
function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
