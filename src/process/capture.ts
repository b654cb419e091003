import { Buffer } from "node:buffer";

export type StreamName = "stdout" | "stderr";

/** Room that is kept below the limit for the note. */
const NOTE_ROOM = 128;
/** How far before the cut a line end is looked for. */
const WINDOW = 8 * 1024;
const FIRST_BLOCK = 4 * 1024;
const BLOCK = 64 * 1024;

/** What stands at the end of a stream that was longer than its limit. */
export function truncationNote(name: StreamName): string {
  return `\n\n[OUTPUT TRUNCATED: ${name} exceeded size limit]\n`;
}

/**
 * The head of one output stream (packs.md 3.8). Takes any amount at full speed;
 * its memory is bounded by the limit and does not depend on the length of lines.
 */
export interface Capture {
  readonly name: StreamName;
  /** Bytes that came, kept or not. */
  readonly total: number;
  /** Bytes that are settled: they stay as they are and may be sent. After `end()` all that is kept, the note included. */
  readonly settled: number;
  /** Bytes of the stream that were not kept; 0 unless truncated. */
  readonly dropped: number;
  readonly truncated: boolean;
  /** Does not keep the chunk. */
  write(chunk: Uint8Array): void;
  /** No more will come. */
  end(): void;
  /** A copy of settled bytes, at most `max`. */
  read(offset: number, max: number): Uint8Array;
  /** Everything kept as text; invalid UTF-8 becomes U+FFFD. */
  text(): string;
  /** The last `max` bytes that are settled, as text. */
  tail(max: number): string;
}

/** Makes a capture that keeps at most `limit` bytes, the note included. */
export function makeCapture(name: StreamName, limit: number): Capture {
  const point = Math.max(0, limit - NOTE_ROOM);
  const store = makeStore();
  let total = 0;
  let dropped = 0;
  let truncated = false;
  let ended = false;

  function truncate() {
    truncated = true;
    const cut = cutPoint(store, point);
    store.truncate(cut);
    dropped = total - cut;
    store.append(Buffer.from(truncationNote(name)));
  }

  return {
    name,
    get total() {
      return total;
    },
    get settled() {
      // Until the end is known the cut may fall anywhere in the window.
      if (ended || truncated) return store.length;
      return Math.min(store.length, Math.max(0, point - WINDOW));
    },
    get dropped() {
      return dropped;
    },
    get truncated() {
      return truncated;
    },
    write(chunk) {
      total += chunk.length;
      if (truncated) {
        dropped += chunk.length;
        return;
      }
      // One byte past the point is kept to see whether it splits a character.
      store.append(chunk.subarray(0, point + 1 - store.length));
      if (total > point) truncate();
    },
    end() {
      ended = true;
    },
    read: (offset, max) => store.read(offset, offset + max),
    text: () => store.text(0),
    tail: (max) => store.text(Math.max(0, store.length - max)),
  };
}

type Store = ReturnType<typeof makeStore>;

/** Where to cut at or before `point`: after a line end in the window, else never inside a character. */
function cutPoint(store: Store, point: number): number {
  const from = Math.max(0, point - WINDOW);
  const window = store.read(from, point + 1);
  const room = point - from;
  const newline = window.subarray(0, room).lastIndexOf(0x0a);
  if (newline >= 0) return from + newline + 1;
  let cut = room;
  while (cut > 0 && room - cut < 3 && isContinuation(window[cut]!)) cut--;
  // Continuation bytes without a beginning are no character.
  return from + (isLead(window[cut]!, room - cut) ? cut : room);
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** True when `byte` begins a sequence that is longer than `inside` bytes. */
function isLead(byte: number, inside: number): boolean {
  if (inside === 0) return true;
  const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
  return length > inside;
}

/** Bytes in blocks: growing copies nothing, and a short output costs little. */
function makeStore() {
  const blocks: { start: number; bytes: Uint8Array }[] = [];
  let length = 0;

  function roomAtEnd() {
    const last = blocks.at(-1);
    if (last !== undefined && last.start + last.bytes.length > length) {
      return last;
    }
    const size = last === undefined ? FIRST_BLOCK : BLOCK;
    const block = { start: length, bytes: new Uint8Array(size) };
    blocks.push(block);
    return block;
  }

  function* parts(from: number, to: number): Generator<Uint8Array> {
    const end = Math.min(to, length);
    for (const { start, bytes } of blocks) {
      const a = Math.max(from, start), b = Math.min(end, start + bytes.length);
      if (a < b) yield bytes.subarray(a - start, b - start);
    }
  }

  return {
    get length() {
      return length;
    },
    append(chunk: Uint8Array) {
      for (let at = 0; at < chunk.length;) {
        const { start, bytes } = roomAtEnd();
        const room = start + bytes.length - length;
        const part = chunk.subarray(at, at + room);
        bytes.set(part, length - start);
        length += part.length;
        at += part.length;
      }
    },
    truncate(to: number) {
      while (blocks.length > 1 && blocks.at(-1)!.start >= to) blocks.pop();
      length = to;
    },
    read(from: number, to: number): Uint8Array {
      return Buffer.concat([...parts(from, to)]);
    },
    text(from: number): string {
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      let text = "";
      for (const part of parts(from, length)) {
        text += decoder.decode(part, { stream: true });
      }
      return text + decoder.decode();
    },
  };
}
