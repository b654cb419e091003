import type { Context, Next } from "hono";
import type { ApiEnv } from "./env.ts";
import { ApiError } from "./errors.ts";

const LIMIT = 2 * 1024 * 1024;
/** These take larger bodies; they read them as a stream and limit them themselves. */
const LARGE = /^\/api\/v1\/(packs\/upload$|agent\/executions\/)/;

/** Refuses (413) bodies over 2 MiB, also those that do not say how large they are. */
export async function limitBody(c: Context<ApiEnv>, next: Next): Promise<void> {
  const { raw } = c.req;
  const declared = c.req.header("content-length");
  const isLarge = LARGE.test(c.req.path);
  if (Number(declared ?? 0) > LIMIT && !isLarge) throw tooLarge();
  if (raw.body !== null && declared === undefined && !isLarge) {
    const { url, method, headers } = raw;
    const body = await readAtMost(raw.body);
    c.req.raw = new Request(url, { method, headers, body });
  }
  await next();
}

async function readAtMost(body: ReadableStream<Uint8Array>): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > LIMIT) throw tooLarge();
    chunks.push(new Uint8Array(chunk));
  }
  return new Blob(chunks);
}

function tooLarge(): ApiError {
  return new ApiError(
    "PAYLOAD_TOO_LARGE",
    "The body is larger than 2 MiB; files are sent as multipart/form-data to the endpoints that take files",
  );
}
