import { createHash } from "node:crypto";
import { type TreeFile, treeFiles, type TreeOptions } from "./tree_files.ts";

/**
 * SHA-256, in hex, of a pack tree: paths in byte order, executable bits and
 * contents. Owners, times and other mode bits do not count, so a copy, and a
 * tree that went through `archiveTree` and `extractArchive`, has the same hash.
 */
export async function hashTree(
  dir: string,
  options: TreeOptions = {},
): Promise<string> {
  return await hashFiles((await treeFiles(dir, options)).files);
}

/** The hash of files already listed by `treeFiles`. */
export async function hashFiles(files: readonly TreeFile[]): Promise<string> {
  const hash = createHash("sha256");
  for (const { path, source, executable } of files) {
    // The content's own digest has a fixed length, so no content can pass for the next path.
    // deno-lint-ignore no-await-in-loop -- one open file at a time
    const digest = await digestOf(source);
    hash.update(`${path}\0${executable ? "x" : "-"}\0`).update(digest);
  }
  return hash.digest("hex");
}

async function digestOf(path: string): Promise<Uint8Array> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest();
}
