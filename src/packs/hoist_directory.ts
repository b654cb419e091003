import { join } from "node:path";
import { ArchiveRefused } from "./archive_refused.ts";

/**
 * Makes `dir` the root of the pack: nothing to do when `pack.yaml` is there,
 * else the content of its one directory moves up. Throws
 * {@linkcode ArchiveRefused} when neither has a `pack.yaml`.
 */
export async function hoistSingleDirectory(dir: string): Promise<void> {
  const top = await Array.fromAsync(Deno.readDir(dir));
  if (top.some((entry) => entry.name === "pack.yaml")) return;
  const [only] = top;
  if (top.length !== 1 || !only?.isDirectory || !await hasPackFile(dir, only)) {
    throw new ArchiveRefused(
      "it has no pack.yaml at its root or in its one top directory",
    );
  }
  // The directory may hold an entry of its own name, so it steps aside first.
  const aside = join(dir, `.${crypto.randomUUID()}`);
  await Deno.rename(join(dir, only.name), aside);
  const names = await Array.fromAsync(Deno.readDir(aside), (e) => e.name);
  await Promise.all(
    names.map((name) => Deno.rename(join(aside, name), join(dir, name))),
  );
  await Deno.remove(aside);
}

async function hasPackFile(dir: string, entry: Deno.DirEntry) {
  const names = Deno.readDir(join(dir, entry.name));
  for await (const { name } of names) if (name === "pack.yaml") return true;
  return false;
}
