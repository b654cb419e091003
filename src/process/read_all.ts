const CHUNK_BYTES = 64 * 1024;
const POOL_MAX = 64;

/** Buffers that no reader holds; a short process costs no allocation. */
const pool: ArrayBuffer[] = [];

/**
 * Gives every byte of a stream to `sink`, in order, as fast as it comes.
 * `sink` may not keep the chunk: its memory is used again. When it throws,
 * `onBroken` hears of it once and the rest is read and dropped. Resolves at the
 * end of the stream or soon after `cut` aborts; never rejects.
 */
export async function readAll(
  stream: ReadableStream<Uint8Array>,
  sink: (chunk: Uint8Array) => void,
  { cut, onBroken }: { cut: AbortSignal; onBroken: (error: unknown) => void },
): Promise<void> {
  const reader = stream.getReader({ mode: "byob" });
  const cancel = () => void reader.cancel().catch(() => {});
  cut.addEventListener("abort", cancel, { once: true });
  if (cut.aborted) cancel();
  let broken = false;
  let buffer = pool.pop() ?? new ArrayBuffer(CHUNK_BYTES);
  try {
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- a stream is read in order
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (value !== undefined) buffer = value.buffer as ArrayBuffer;
      if (done) {
        if (value !== undefined && pool.length < POOL_MAX) pool.push(buffer);
        return;
      }
      if (broken) continue;
      try {
        sink(value);
      } catch (error) {
        broken = true;
        onBroken(error);
      }
    }
  } catch {
    // The pipe broke under the reader: there is nothing more to read.
  } finally {
    cut.removeEventListener("abort", cancel);
  }
}
