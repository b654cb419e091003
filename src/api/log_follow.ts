import { findLogState, type LogState } from "../db/execution_list.ts";
import { type LogRange, readLog } from "../db/execution_log.ts";
import { isTerminal } from "../domain/execution.ts";
import type { LogStream } from "../domain/agent_protocol.ts";
import type { ApiDeps } from "./env.ts";
import type { EventSink } from "./sse.ts";
import { textLength } from "./utf8.ts";

const PIECE_BYTES = 64 * 1024;
/** How often a client that waits hears so (api.md 7.2). */
const WAITING_MS = 250;
/** The database is asked without a nudge after this many of them: a nudge may get lost. */
const ASK_AFTER = 8;

/** Sends a log from byte `offset` on and follows it until the execution has ended (api.md 7.2). */
export async function followLog(
  { db, live }: Pick<ApiDeps, "db" | "live">,
  { id, stream, offset }: { id: number; stream: LogStream; offset: number },
  sink: EventSink,
): Promise<void> {
  const alarm = makeAlarm(sink.signal);
  using _watch = live.onExecution(id, alarm.ring);
  let at: LogRange | undefined;
  let event: "content" | "append" = "content";
  while (!sink.signal.aborted) {
    // The state first: what is terminal writes nothing after it.
    // deno-lint-ignore no-await-in-loop -- one look after the other
    const state: LogState | undefined = await findLogState(db, id);
    if (state === undefined) break;
    const { attempt } = state;
    const ended = isTerminal(state.status);
    if (at?.attempt !== attempt) {
      // Another attempt begins its output anew.
      at = { execution: id, attempt, stream, from: at ? 0 : offset };
      event = "content";
    }
    // deno-lint-ignore no-await-in-loop -- one look after the other
    at = await sendFrom(db, at, { event, ended }, sink);
    if (ended) break;
    event = "append";
    // deno-lint-ignore no-await-in-loop -- one look after the other
    await waitForMore(alarm, sink);
  }
  await sink.send({ event: "done", data: "" });
}

/** Sends everything there is now; answers the range that follows it. */
async function sendFrom(
  db: ApiDeps["db"],
  range: LogRange,
  { event, ended }: { event: string; ended: boolean },
  sink: EventSink,
): Promise<LogRange> {
  let { from } = range;
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  while (!sink.signal.aborted) {
    // deno-lint-ignore no-await-in-loop -- the next bytes
    const { offset, data } = await readLog(db, { ...range, from });
    if (data.length === 0) break;
    let sent = 0;
    while (sent < data.length) {
      const piece = data.subarray(sent, sent + PIECE_BYTES);
      const length = textLength(piece);
      if (length === 0) break;
      sent += length;
      // deno-lint-ignore no-await-in-loop -- at the speed of the client
      await sink.send({
        event,
        id: offset + sent,
        data: decoder.decode(piece.subarray(0, length)),
      });
    }
    if (sent === 0) {
      // The rest is the beginning of a character: it waits, or ends as it is.
      if (!ended) break;
      sent = data.length;
      // deno-lint-ignore no-await-in-loop -- at the speed of the client
      await sink.send({ event, id: offset + sent, data: decoder.decode(data) });
    }
    from = offset + sent;
  }
  return { ...range, from };
}

async function waitForMore(alarm: Alarm, sink: EventSink): Promise<void> {
  for (let asked = 0; asked < ASK_AFTER; asked++) {
    // deno-lint-ignore no-await-in-loop -- until something happens
    if (await alarm.within(WAITING_MS)) return;
    // deno-lint-ignore no-await-in-loop -- at the speed of the client
    await sink.send({ event: "waiting", data: "Waiting for output" });
  }
}

interface Alarm {
  ring: () => void;
  /** True when it rang since the last call, or rings within the time; also at the end of the stream. */
  within(ms: number): Promise<boolean>;
}

function makeAlarm(signal: AbortSignal): Alarm {
  let rang = false;
  let wake: (() => void) | undefined;
  const ring = () => {
    rang = true;
    wake?.();
  };
  signal.addEventListener("abort", ring);
  return {
    ring,
    async within(ms) {
      if (!rang) {
        let timer: ReturnType<typeof setTimeout> | undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, ms);
        });
        clearTimeout(timer);
        wake = undefined;
      }
      const answer = rang;
      rang = signal.aborted;
      return answer;
    },
  };
}
