// @ts-types="@types/tar-stream"
import tar from "tar-stream";
import { buffer } from "node:stream/consumers";
import { createGzip } from "node:zlib";

export interface TarEntry extends Partial<tar.Headers> {
  name: string;
  content?: string | Uint8Array;
}

/** A tar.gz of these entries, well-meant or not. */
export async function tarGz(
  entries: TarEntry[],
): Promise<Uint8Array<ArrayBuffer>> {
  const pack = tar.pack();
  const bytes = buffer(pack.pipe(createGzip({ level: 1 })));
  for (const { content = "", ...header } of entries) {
    const data = typeof content === "string"
      ? new TextEncoder().encode(content)
      : content;
    // deno-lint-ignore no-await-in-loop -- entries follow each other
    await new Promise<void>((resolve, reject) =>
      pack.entry(
        header,
        data as Parameters<typeof pack.entry>[1],
        (error) => error ? reject(error) : resolve(),
      )
    );
  }
  pack.finalize();
  return new Uint8Array(await bytes);
}
