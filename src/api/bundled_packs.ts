import { join } from "node:path";
import { findPackHash } from "../db/pack_list.ts";
import { hashTree } from "../packs/tree_hash.ts";
import { type InstallDeps, installPack } from "./install_pack.ts";
import { recoverPacks } from "./recover_packs.ts";

export interface BundledPacks {
  /** Its directories are the packs. */
  packsDir: string;
  /** Descriptors of the shipped runtimes: they belong to the core pack. */
  runtimesDir: string;
}

/**
 * Installs the packs that come with the program, unless exactly that content
 * is installed already. Throws when one of them cannot be loaded.
 */
export async function installBundledPacks(
  deps: InstallDeps,
  { packsDir, runtimesDir }: BundledPacks,
): Promise<void> {
  await recoverPacks(deps);
  const entries = await Array.fromAsync(Deno.readDir(packsDir));
  const refs = entries.filter((entry) => entry.isDirectory)
    .map(({ name }) => name).sort();
  for (const ref of refs) {
    const dir = join(packsDir, ref);
    const options = ref === "core" ? { runtimesDir } : {};
    // deno-lint-ignore no-await-in-loop -- one pack may need another
    if (await isInstalled(deps, ref, await hashTree(dir, options))) continue;
    // deno-lint-ignore no-await-in-loop
    await installPack(deps, dir, {
      force: true,
      source: "bundled",
      ...options,
    });
  }
}

/** True when rows and files are there; the hash covers the version too. */
async function isInstalled(
  { db, settings }: InstallDeps,
  ref: string,
  hash: string,
): Promise<boolean> {
  const installed = await findPackHash(db, ref);
  if (installed !== hash) return false;
  const file = join(settings.packsBaseDir, ref, "pack.yaml");
  return await Deno.stat(file).then(() => true, () => false);
}
