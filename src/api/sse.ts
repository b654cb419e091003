import type { Log } from "../log.ts";
import type { Live } from "./live.ts";

/** One Server-Sent Event; line breaks in `data` become several `data:` lines. */
export interface ServerEvent {
  event?: string;
  id?: string | number;
  data: string;
}

export interface EventSink {
  /** Aborts when the client left or the server stops. */
  readonly signal: AbortSignal;
  /** Resolves when the client has room for more; at once when nobody reads any more. */
  send(event: ServerEvent): Promise<void>;
  /** Sends without waiting. False when the client is too far behind: end the stream, it will come again. */
  offer(event: ServerEvent): boolean;
}

const KEEP_ALIVE_MS = 15_000;
const ROOM_BYTES = 64 * 1024;
const BACKLOG_BYTES = 1024 * 1024;

const encoder = new TextEncoder();

/** An event stream that lasts until `run` returns, the client leaves or the server stops. */
export function eventStream(
  { live, log }: { live: Live; log: Log },
  run: (sink: EventSink) => Promise<void>,
): Response {
  const over = new AbortController();
  const end = () => over.abort();
  let wake = () => {};
  let gone = false;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      // Sent at once, so that the client knows that its subscription has begun.
      controller.enqueue(encoder.encode(":\n\n"));
      const timer = setInterval(() => {
        if (room() > 0) controller.enqueue(encoder.encode(":\n\n"));
      }, KEEP_ALIVE_MS);
      live.closed.addEventListener("abort", end);
      if (live.closed.aborted) end();
      over.signal.addEventListener("abort", () => wake());

      const room = () => over.signal.aborted ? 1 : controller.desiredSize ?? 1;
      let text = "";
      const flush = () => {
        const bytes = encoder.encode(text);
        text = "";
        if (!gone && bytes.length > 0) controller.enqueue(bytes);
      };
      const offer = (event: ServerEvent) => {
        if (over.signal.aborted) return true;
        // A batch of events is one write.
        if (text === "") queueMicrotask(flush);
        text += render(event);
        return room() - text.length > -BACKLOG_BYTES;
      };
      const send = async (event: ServerEvent) => {
        offer(event);
        flush();
        if (room() <= 0) await new Promise<void>((resolve) => wake = resolve);
      };

      run({ signal: over.signal, send, offer })
        .catch((error) => log.error("event stream failed", { error }))
        .finally(() => {
          clearInterval(timer);
          live.closed.removeEventListener("abort", end);
          flush();
          if (!gone) controller.close();
        });
    },
    pull: () => wake(),
    cancel() {
      gone = true;
      end();
    },
  }, { highWaterMark: ROOM_BYTES, size: (chunk) => chunk.byteLength });
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
    },
  });
}

function render({ event, id, data }: ServerEvent): string {
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return (event === undefined ? "" : `event: ${event}\n`) +
    (id === undefined ? "" : `id: ${id}\n`) + lines.join("") + "\n";
}
