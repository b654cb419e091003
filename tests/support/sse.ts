/** One Server-Sent Event as a client sees it. */
export interface SeenEvent {
  event: string;
  id?: string;
  data: string;
}

export interface EventReader extends AsyncDisposable {
  /** The next event; undefined at the end of the stream. */
  next(): Promise<SeenEvent | undefined>;
  /** The next event of another kind than `waiting`. */
  nextNews(): Promise<SeenEvent | undefined>;
  /** Everything up to the end of the stream, `waiting` left out. */
  rest(): Promise<SeenEvent[]>;
}

/** Reads the events of a response, as the standard says. */
export function readEvents(response: Response): EventReader {
  const reader = response.body!.pipeThrough(
    new TextDecoderStream("utf-8", {
      ignoreBOM: true,
    }),
  ).getReader();
  let buffer = "";
  const waiting: SeenEvent[] = [];

  async function next(): Promise<SeenEvent | undefined> {
    while (waiting.length === 0) {
      // deno-lint-ignore no-await-in-loop -- a stream is read in order
      const { value, done } = await reader.read();
      if (done) return undefined;
      const frames = (buffer + value).split("\n\n");
      buffer = frames.pop()!;
      waiting.push(...frames.flatMap(parse));
    }
    return waiting.shift();
  }

  async function nextNews() {
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- a stream is read in order
      const event = await next();
      if (event?.event !== "waiting") return event;
    }
  }

  return {
    next,
    nextNews,
    async rest() {
      const all: SeenEvent[] = [];
      for (;;) {
        // deno-lint-ignore no-await-in-loop -- a stream is read in order
        const event = await nextNews();
        if (event === undefined) return all;
        all.push(event);
      }
    },
    async [Symbol.asyncDispose]() {
      await reader.cancel();
    },
  };
}

function parse(frame: string): SeenEvent[] {
  const lines = frame.split("\n").filter((line) => !line.startsWith(":"));
  if (lines.length === 0) return [];
  const field = (name: string) =>
    lines.filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).replace(/^ /, ""));
  const [id] = field("id");
  return [{
    event: field("event")[0] ?? "message",
    ...(id !== undefined && { id }),
    data: field("data").join("\n"),
  }];
}
