/** One Server-Sent Event. */
export interface ServerEvent {
  /** `message` when the server names none. */
  event: string;
  data: string;
  /** The last id the server gave, with this event or before. */
  id: string | undefined;
}

/**
 * The events of a `text/event-stream` body as they arrive. An event that the
 * end of the stream cuts off is dropped. Leaving the loop cancels the body.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerEvent, void, void> {
  const lines = lineSplitter();
  let id: string | undefined;
  let event = "";
  let data: string[] = [];
  // TextDecoder drops a byte order mark at the start, as the format asks.
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    for (const line of lines(decoder.decode(chunk, { stream: true }))) {
      if (line === "") {
        if (data.length > 0) {
          yield { event: event || "message", data: data.join("\n"), id };
        }
        event = "";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const rest = colon < 0 ? "" : line.slice(colon + 1);
      const value = rest.startsWith(" ") ? rest.slice(1) : rest;
      if (field === "data") data.push(value);
      else if (field === "event") event = value;
      else if (field === "id" && !value.includes("\0")) id = value;
    }
  }
}

/** Cuts text at LF, CRLF and CR, also when a chunk ends between CR and LF. */
function lineSplitter(): (text: string) => string[] {
  let rest = "";
  let afterCr = false;
  return (text) => {
    if (text === "") return [];
    const fresh = afterCr && text.startsWith("\n") ? text.slice(1) : text;
    afterCr = text.endsWith("\r");
    const lines = (rest + fresh).split(/\r\n|\r|\n/);
    rest = lines.pop()!;
    return lines;
  };
}
