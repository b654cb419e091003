// deno-lint-ignore-file no-await-in-loop -- a stream is read piece after piece
import { Buffer } from "node:buffer";
import { ApiError } from "./errors.ts";

/** One part of a multipart/form-data body. Read `data`, or all of it is skipped at the next part. */
export interface Part {
  name: string;
  /** Null for a text field. */
  filename: string | null;
  data: AsyncGenerator<Uint8Array>;
}

const HEADER_LIMIT = 16 * 1024;
const TEXT_LIMIT = 64 * 1024;

/**
 * The parts of a body as they arrive: memory use does not depend on its size.
 * Throws 415 when it is no form, 400 when it is damaged, 413 over `maxBytes`.
 */
export async function* readParts(
  request: { body: ReadableStream<Uint8Array> | null; headers: Headers },
  { maxBytes }: { maxBytes: number },
): AsyncGenerator<Part> {
  const boundary = boundaryOf(request.headers.get("content-type") ?? "");
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) {
    throw tooLarge(maxBytes);
  }
  if (request.body === null) throw damaged("it is empty");
  const input = new Input(request.body, maxBytes);
  const mark = Buffer.from(`\r\n--${boundary}`);
  try {
    // The first boundary has no line before it.
    input.unread(Buffer.from("\r\n"));
    await drain(input.until(mark));
    while (await input.take(2) === "\r\n") {
      const headers = (await collect(
        input.until(Buffer.from("\r\n\r\n")),
        HEADER_LIMIT,
      )).toString("utf8");
      const data = input.until(mark);
      yield { ...named(headers), data };
      await drain(data);
    }
  } finally {
    await input.close();
  }
}

/** The text of a field. */
export async function readText(part: Part): Promise<string> {
  return (await collect(part.data, TEXT_LIMIT)).toString("utf8");
}

class Input {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #maxBytes: number;
  #kept: Buffer = Buffer.alloc(0);
  #seen = 0;

  constructor(body: ReadableStream<Uint8Array>, maxBytes: number) {
    this.#reader = body.getReader();
    this.#maxBytes = maxBytes;
  }

  unread(bytes: Buffer): void {
    this.#kept = Buffer.concat([bytes, this.#kept]);
  }

  /** The next `count` bytes as Latin-1 text. */
  async take(count: number): Promise<string> {
    while (this.#kept.length < count) await this.#more();
    const taken = this.#kept.subarray(0, count);
    this.#kept = this.#kept.subarray(count);
    return taken.toString("latin1");
  }

  /** Everything before `mark`, which is taken too. */
  async *until(mark: Buffer): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = this.#kept.indexOf(mark);
      // What could be the beginning of the mark stays.
      const safe = at >= 0
        ? at
        : Math.max(this.#kept.length - mark.length + 1, 0);
      const bytes = this.#kept.subarray(0, safe);
      this.#kept = this.#kept.subarray(at >= 0 ? at + mark.length : safe);
      if (bytes.length > 0) yield bytes;
      if (at >= 0) return;
      await this.#more();
    }
  }

  close(): Promise<void> {
    return this.#reader.cancel().catch(() => {});
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#reader.read();
    if (done) throw damaged("it ends before its last boundary");
    this.#seen += value.byteLength;
    if (this.#seen > this.#maxBytes) throw tooLarge(this.#maxBytes);
    this.#kept = Buffer.concat([this.#kept, value]);
  }
}

async function drain(data: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of data);
}

async function collect(
  data: AsyncIterable<Uint8Array>,
  limit: number,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of data) {
    size += chunk.byteLength;
    if (size > limit) throw damaged(`a field has more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function boundaryOf(contentType: string): string {
  const [, quoted, bare] =
    /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i
      .exec(contentType) ?? [];
  const boundary = quoted ?? bare;
  if (boundary !== undefined) return boundary;
  throw new ApiError(
    "UNSUPPORTED_MEDIA_TYPE",
    "The body must be multipart/form-data with a boundary",
  );
}

function named(headers: string): { name: string; filename: string | null } {
  const disposition = /^content-disposition:(.*)$/im.exec(headers)?.[1] ?? "";
  const name = /;\s*name="([^"]*)"/i.exec(disposition)?.[1] ??
    /;\s*name=([^\s;]+)/i.exec(disposition)?.[1];
  if (name === undefined) throw damaged("a part has no name");
  const filename = /;\s*filename="([^"]*)"/i.exec(disposition)?.[1] ??
    /;\s*filename\*?=([^\s;]+)/i.exec(disposition)?.[1];
  return { name, filename: filename ?? null };
}

function damaged(why: string): ApiError {
  return new ApiError("BAD_REQUEST", `Cannot read the form: ${why}`);
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError(
    "PAYLOAD_TOO_LARGE",
    `The body has more than ${maxBytes} bytes`,
  );
}
