// @ts-types="@types/tar-stream"
import tar from "tar-stream";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type TreeFile, treeFiles, type TreeOptions } from "./tree_files.ts";

/**
 * The pack as a tar.gz: `pack.yaml` at the root, files in byte order, no
 * owner, no time, modes 0644 or 0755; equal trees give equal bytes. It is read
 * from disk as fast as the reader takes it. An unreadable file, or one that
 * changes its size meanwhile, errors the stream.
 */
export function archiveTree(
  dir: string,
  options: TreeOptions = {},
): ReadableStream<Uint8Array> {
  const pack = tar.pack();
  const gzip = createGzip({ level: 6 });
  const flow = pipeline(pack, gzip);
  // The reader sees the failure as the stream's own error.
  flow.catch(() => {});
  fill(pack, dir, options).catch((error) => pack.destroy(error));
  return Readable.toWeb(gzip) as ReadableStream<Uint8Array>;
}

async function fill(pack: tar.Pack, dir: string, options: TreeOptions) {
  const { files } = await treeFiles(dir, options);
  for (const file of files) {
    // deno-lint-ignore no-await-in-loop -- entries follow one another in the archive
    await addFile(pack, file);
  }
  pack.finalize();
}

async function addFile(pack: tar.Pack, file: TreeFile): Promise<void> {
  const source = await Deno.open(file.source);
  const entry = pack.entry({
    name: file.path,
    size: file.size,
    mode: file.executable ? 0o755 : 0o644,
    mtime: new Date(0),
    type: "file",
  });
  await pipeline(source.readable, entry);
}
