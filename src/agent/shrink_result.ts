import { Buffer } from "node:buffer";
import type { ExecutionResult } from "../domain/execution.ts";

/** A larger result is kept as an artifact (packs.md 3.10). */
const RESULT_MAX = 512 * 1024;
const STDOUT_HEAD = 64 * 1024;
const ERROR_HEAD = 8 * 1024;

/** Bytes of a result as JSON when it is too large for its row, else null. */
export function oversize(result: ExecutionResult): Uint8Array | null {
  // No text of so few characters can be too long.
  const text = JSON.stringify(result);
  if (text.length * 3 <= RESULT_MAX) return null;
  const bytes = Buffer.from(text);
  return bytes.length > RESULT_MAX ? bytes : null;
}

/** What the row keeps of a result that is stored elsewhere: small fields and the head of stdout. */
export function shrinkResult(
  { data: _data, queue_ack: _ack, stdout, error, ...small }: ExecutionResult,
  artifact: string | undefined,
): ExecutionResult {
  return {
    ...small,
    ...(error !== undefined && { error: head(error, ERROR_HEAD) }),
    ...(stdout !== undefined && {
      stdout: head(stdout, STDOUT_HEAD),
      ...(Buffer.byteLength(stdout) > STDOUT_HEAD && {
        stdout_inline_truncated: true,
      }),
    }),
    ...(artifact !== undefined && { result_artifact: artifact }),
  };
}

/** The first `max` bytes of a text, never with half a character at the end. */
function head(text: string, max: number): string {
  const bytes = Buffer.from(text.slice(0, max));
  if (bytes.length <= max) return text.slice(0, max);
  const decoder = new TextDecoder();
  return decoder.decode(bytes.subarray(0, max), { stream: true });
}
