import { dirname, join } from "node:path";
import { ApiError } from "./errors.ts";

/** Relative path of a version's file (api.md 3.16); no part of it can be `..`. */
export function versionPath(
  ref: string,
  version: number,
  extension: string,
): string {
  const parts = ref.split(/[./\\]+/).filter((part) => part !== "");
  return [...parts, `v${version}.${extension}`].join("/");
}

/** Bytes received, waiting for their place; removed when disposed of unless they were moved. */
export interface Received extends AsyncDisposable {
  readonly size: number;
  /** Puts the file where it belongs, below the artifacts directory. */
  moveTo(relativePath: string): Promise<void>;
}

/** Writes a body to a temporary file. Throws 413 when it is longer than `maxBytes`. */
export async function receiveFile(
  body: ReadableStream<Uint8Array> | null,
  { artifactsDir, maxBytes }: { artifactsDir: string; maxBytes: number },
): Promise<Received> {
  const incoming = join(artifactsDir, ".incoming");
  await Deno.mkdir(incoming, { recursive: true });
  const path = join(incoming, crypto.randomUUID());
  let moved = false;
  const remove = async () => {
    if (!moved) await Deno.remove(path).catch(ignoreMissing);
  };
  let size = 0;
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      controller.enqueue(chunk);
    },
  });
  try {
    const file = await Deno.open(path, {
      write: true,
      createNew: true,
      mode: 0o640,
    });
    await (body ?? new Blob().stream()).pipeThrough(count).pipeTo(
      file.writable,
    );
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    size,
    async moveTo(relativePath) {
      const target = join(artifactsDir, relativePath);
      await Deno.mkdir(dirname(target), { recursive: true });
      await Deno.rename(path, target);
      moved = true;
    },
    [Symbol.asyncDispose]: remove,
  };
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError(
    "PAYLOAD_TOO_LARGE",
    `The file is larger than ${
      maxBytes / 1024 / 1024
    } MiB, which is the most that is taken`,
  );
}

function ignoreMissing(error: unknown) {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
