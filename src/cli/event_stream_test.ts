import assert from "node:assert/strict";
import fc from "fast-check";
import { readEvents, type ServerEvent } from "./event_stream.ts";

function streamOf(chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks) as ReadableStream<Uint8Array>;
}

function parse(text: string, cuts: number[] = []): Promise<ServerEvent[]> {
  const bytes = new TextEncoder().encode(text);
  const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  const chunks = edges.slice(1).map((end, i) => bytes.slice(edges[i], end));
  return Array.fromAsync(readEvents(streamOf(chunks)));
}

const CASES: [string, string, Partial<ServerEvent>[]][] = [
  ["a plain event", "data: hi\n\n", [{ event: "message", data: "hi" }]],
  ["name and id", "event: append\nid: 12\ndata: x\n\n", [
    { event: "append", id: "12", data: "x" },
  ]],
  ["several lines, the last one empty", "data: a\ndata: b\ndata: \n\n", [
    { data: "a\nb\n" },
  ]],
  ["only the first blank is cut", "data:  a\n\ndata:b\n\n", [
    { data: " a" },
    { data: "b" },
  ]],
  ["CRLF and CR", "data: a\r\n\r\ndata: b\r\r", [{ data: "a" }, { data: "b" }]],
  ["comments and unknown fields", ": ping\n\nretry: 5\ndata: a\n\n", [
    { data: "a" },
  ]],
  ["an empty data field is an event", "event: done\ndata:\n\n", [
    { event: "done", data: "" },
  ]],
  ["a field without colon", "data\n\n", [{ data: "" }]],
  ["an event without data is none", "event: x\n\ndata: a\n\n", [
    { event: "message", data: "a" },
  ]],
  ["a cut-off event is dropped", "data: a\n\ndata: b\n", [{ data: "a" }]],
  ["ids last until the next one", "id: 1\ndata: a\n\ndata: b\n\n", [
    { id: "1", data: "a" },
    { id: "1", data: "b" },
  ]],
  ["a byte order mark", "\uFEFFdata: a\n\n", [{ data: "a" }]],
];
for (const [name, text, expected] of CASES) {
  Deno.test(`readEvents() reads ${name}`, async () => {
    const events = await parse(text);
    assert.equal(events.length, expected.length);
    for (const [i, event] of expected.entries()) {
      assert.deepEqual({ ...events[i], ...event }, events[i]);
    }
  });
}

Deno.test("readEvents() does not care where chunks end", async () => {
  const breaks = fc.constantFrom("\n", "\r\n", "\r");
  const texts = fc.array(
    fc.stringMatching(/^[^\r\n]{0,8}$/),
    { minLength: 1, maxLength: 4 },
  );
  await fc.assert(fc.asyncProperty(
    fc.array(texts, { maxLength: 5 }),
    breaks,
    fc.array(fc.nat(200), { maxLength: 20 }),
    async (events, eol, cuts) => {
      const text = events.map((lines) =>
        lines.map((line) => `data: ${line}${eol}`).join("") + eol
      ).join("");
      const size = new TextEncoder().encode(text).length;
      const found = await parse(text, cuts.map((cut) => Math.min(cut, size)));
      assert.deepEqual(
        found.map((e) => e.data),
        events.map((lines) => lines.join("\n")),
      );
    },
  ));
});
