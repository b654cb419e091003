import { Buffer } from "node:buffer";
import type {
  Held,
  LogAnswer,
  LogChunk,
  LogRequest,
  LogStream,
} from "../domain/agent_protocol.ts";
import type { Log } from "../log.ts";
import type { Capture } from "../process/capture.ts";
import { ApiAway } from "./api_client.ts";
import { keyOf } from "./attempts.ts";
import { pause } from "./back_off.ts";

/** The log of one attempt on its way to the log store. */
export interface LogFeed {
  /** The captures have grown. */
  grew(): void;
  /**
   * No more comes. Resolves with the bytes that no chunk has carried: little
   * enough to travel inside the outcome, or what could not be sent at all.
   */
  finish(): Promise<LogChunk[]>;
  /** Nobody wants it any more. */
  drop(): void;
}

export interface LogShipper {
  open(held: Held, captures: readonly Capture[]): LogFeed;
}

export interface LogShipperOptions {
  send(request: LogRequest): Promise<LogAnswer>;
  log: Log;
  flushMs?: number;
}

const FLUSH_MS = 250;
const FLUSH_BYTES = 32 * 1024;
/** So much may travel inside an outcome. */
const INLINE_BYTES = 64 * 1024;
/** Raw bytes of one request: 1 MiB as base64. */
const REQUEST_BYTES = 700 * 1024;
const RETRY_MS = 1_000;
/** How often the rest of a log is tried before it goes the way of the outcome. */
const LAST_TRIES = 5;

interface Feed {
  held: Held;
  captures: readonly Capture[];
  /** Bytes sent of each capture. */
  sent: number[];
  timer: ReturnType<typeof setTimeout> | undefined;
  /** The first flush waits; after that bytes may call for one. */
  begun: boolean;
  ready: boolean;
  dropped: boolean;
}

/**
 * Sends logs as they grow: the first chunk of an attempt 250 ms after its
 * first byte, then at 32 KiB or 250 ms. All attempts share one request at a
 * time, so under load it carries many of them.
 */
export function makeLogShipper(
  { send, log, flushMs = FLUSH_MS }: LogShipperOptions,
): LogShipper {
  const feeds = new Set<Feed>();
  let pumping: Promise<boolean> | undefined;
  let sending: Promise<boolean> | undefined;
  let away = false;

  function unsent(feed: Feed): number {
    return feed.captures.reduce(
      (sum, { settled }, i) => sum + settled - feed.sent[i]!,
      0,
    );
  }

  function schedule(feed: Feed) {
    if (feed.timer !== undefined || feed.dropped) return;
    feed.timer = setTimeout(() => {
      feed.timer = undefined;
      feed.begun = true;
      flush(feed);
    }, flushMs);
  }

  function flush(feed: Feed) {
    feed.ready = true;
    pump();
  }

  /** One request at a time, until no feed has asked for one. */
  function pump(): Promise<boolean> {
    return pumping ??= run().finally(() => pumping = undefined);
  }

  async function run(): Promise<boolean> {
    for (;;) {
      const { chunks, more } = gather();
      if (chunks.length === 0) return true;
      // deno-lint-ignore no-await-in-loop -- one request at a time
      if (!await (sending = trySend(chunks))) return false;
      if (!more && ![...feeds].some(({ ready }) => ready)) return true;
    }
  }

  function gather(): { chunks: LogChunk[]; more: boolean } {
    const chunks: LogChunk[] = [];
    let room = REQUEST_BYTES;
    for (const feed of feeds) {
      if (!feed.ready) continue;
      chunks.push(...chunksOf(feed, room));
      room = REQUEST_BYTES - bytesOf(chunks);
      if (room <= 0) return { chunks, more: true };
      feed.ready = false;
    }
    return { chunks, more: false };
  }

  async function trySend(chunks: LogChunk[]): Promise<boolean> {
    try {
      const answer = await send({ chunks });
      away = false;
      settle(chunks, answer);
      return true;
    } catch (error) {
      if (!(error instanceof ApiAway)) log.warn("logs were refused", { error });
      else if (!away) log.warn(`${error.message}; logs are sent later`);
      away = true;
      for (const { id, attempt } of chunks) {
        const feed = feedOf({ id, attempt });
        if (feed !== undefined) schedule(feed);
      }
      return false;
    }
  }

  function feedOf(item: { id: number; attempt: number }): Feed | undefined {
    const key = keyOf(item);
    for (const feed of feeds) if (keyOf(feed.held) === key) return feed;
    return undefined;
  }

  function settle(chunks: LogChunk[], { refused, gaps }: LogAnswer) {
    for (const chunk of chunks) {
      const feed = feedOf(chunk);
      const i = feed?.captures.findIndex(({ name }) => name === chunk.stream);
      if (feed === undefined || i === undefined) continue;
      feed.sent[i] = chunk.offset + rawLength(chunk.data);
    }
    for (const gap of gaps) {
      const feed = feedOf(gap);
      const i = feed?.captures.findIndex(({ name }) => name === gap.stream);
      if (feed === undefined || i === undefined) continue;
      feed.sent[i] = gap.expected;
      feed.ready = true;
    }
    for (const item of refused) {
      const feed = feedOf(item);
      if (feed !== undefined) drop(feed);
    }
  }

  function drop(feed: Feed) {
    clearTimeout(feed.timer);
    feed.timer = undefined;
    feed.dropped = true;
    feed.ready = false;
    feeds.delete(feed);
  }

  async function finish(feed: Feed): Promise<LogChunk[]> {
    clearTimeout(feed.timer);
    feed.timer = undefined;
    if (feed.dropped) return [];
    feed.ready = false;
    // What is on its way must be known before the rest is.
    if (feed.begun) await sending;
    for (
      let tries = 0;
      !feed.dropped && tries < LAST_TRIES && unsent(feed) > INLINE_BYTES;
    ) {
      feed.ready = true;
      // deno-lint-ignore no-await-in-loop -- until it is sent
      if (await pump()) continue;
      tries++;
      // deno-lint-ignore no-await-in-loop -- the wait between two tries
      await pause(RETRY_MS);
    }
    const rest = feed.dropped ? [] : chunksOf(feed, Infinity);
    drop(feed);
    return rest;
  }

  return {
    open(held, captures) {
      const feed: Feed = {
        held,
        captures,
        sent: captures.map(() => 0),
        timer: undefined,
        begun: false,
        ready: false,
        dropped: false,
      };
      feeds.add(feed);
      return {
        grew() {
          if (feed.dropped) return;
          if (feed.begun && !feed.ready && unsent(feed) >= FLUSH_BYTES) {
            clearTimeout(feed.timer);
            feed.timer = undefined;
            flush(feed);
          } else schedule(feed);
        },
        finish: () => finish(feed),
        drop: () => drop(feed),
      };
    },
  };
}

function chunksOf(feed: Feed, room: number): LogChunk[] {
  let left = room;
  return feed.captures.flatMap((capture, i) => {
    const offset = feed.sent[i]!;
    const size = Math.min(capture.settled - offset, left);
    if (size <= 0) return [];
    left -= size;
    const data = Buffer.from(capture.read(offset, size)).toString("base64");
    const stream: LogStream = capture.name;
    return [{ ...feed.held, stream, offset, data }];
  });
}

function bytesOf(chunks: LogChunk[]): number {
  return chunks.reduce((sum, { data }) => sum + rawLength(data), 0);
}

function rawLength(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return base64.length / 4 * 3 - padding;
}
