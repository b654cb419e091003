import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { until } from "../../tests/support/until.ts";
import type { LogAnswer, LogChunk } from "../domain/agent_protocol.ts";
import { silentLog } from "../log.ts";
import { makeCapture } from "../process/capture.ts";
import { ApiAway } from "./api_client.ts";
import { makeLogShipper } from "./log_shipper.ts";

const NONE: LogAnswer = { refused: [], gaps: [] };

/** A log store as the control plane has it. */
function world(
  answer: (chunks: LogChunk[]) => LogAnswer | "away" = () => NONE,
) {
  const stored = new Map<string, Buffer>();
  const requests: LogChunk[][] = [];
  const shipper = makeLogShipper({
    log: silentLog,
    flushMs: 20,
    send({ chunks }) {
      requests.push(chunks);
      const given = answer(chunks);
      if (given === "away") return Promise.reject(new ApiAway("away"));
      const gaps = new Set(given.gaps.map(({ id }) => id));
      for (const chunk of chunks) if (!gaps.has(chunk.id)) put(chunk);
      return Promise.resolve(given);
    },
  });
  function put({ id, stream, offset, data }: LogChunk) {
    const known = stored.get(`${id}.${stream}`) ?? Buffer.alloc(0);
    assert.ok(offset <= known.length, "a gap");
    const bytes = Buffer.from(data, "base64");
    stored.set(
      `${id}.${stream}`,
      Buffer.concat([known.subarray(0, offset), bytes]),
    );
  }
  function attempt(id: number) {
    const stdout = makeCapture("stdout", 10 << 20);
    const stderr = makeCapture("stderr", 10 << 20);
    const held = { id, attempt: 1, lease: "l" };
    const feed = shipper.open(held, [stdout, stderr]);
    return {
      feed,
      say(text: string | Uint8Array, to: "stdout" | "stderr" = "stdout") {
        (to === "stdout" ? stdout : stderr).write(Buffer.from(text));
        feed.grew();
      },
      async end() {
        stdout.end();
        stderr.end();
        const rest = await feed.finish();
        for (const chunk of rest) put(chunk);
        return rest;
      },
    };
  }
  const text = (id: number, stream = "stdout") =>
    stored.get(`${id}.${stream}`)?.toString() ?? "";
  return { attempt, requests, text };
}

Deno.test("makeLogShipper() sends nothing of a short attempt", async () => {
  const w = world();
  const a = w.attempt(1);
  a.say("hi\n");
  a.say("oops\n", "stderr");
  const rest = await a.end();
  assert.deepEqual(
    rest.map(({ stream, offset, data }) => [stream, offset, atob(data)]),
    [
      ["stdout", 0, "hi\n"],
      ["stderr", 0, "oops\n"],
    ],
  );
  assert.deepEqual(w.requests, []);
});

Deno.test("makeLogShipper() sends what is said after the first wait, and the rest at the end", async () => {
  const w = world();
  const a = w.attempt(1);
  a.say("one\n");
  await until("a chunk", () => w.text(1) === "one\n");
  a.say("two\n");
  assert.deepEqual(
    (await a.end()).map(({ offset, data }) => [offset, atob(data)]),
    [[4, "two\n"]],
  );
  assert.equal(w.text(1), "one\ntwo\n");
});

Deno.test("makeLogShipper() leaves at most 64 KiB for the outcome", async () => {
  const w = world();
  const a = w.attempt(1);
  a.say("x".repeat(3_000_000));
  const rest = await a.end();
  assert.ok(rest.every(({ data }) => data.length <= 64 * 1024 * 4 / 3 + 4));
  assert.equal(w.text(1).length, 3_000_000);
  assert.ok(
    w.requests.every((chunks) =>
      chunks.reduce((sum, { data }) => sum + data.length, 0) <= 1 << 20
    ),
  );
});

Deno.test("makeLogShipper() keeps what could not be sent and sends it later, once", async () => {
  let away = true;
  const w = world(() => away ? "away" : NONE);
  const a = w.attempt(1);
  a.say("one\n");
  await until("a try", () => w.requests.length > 0);
  away = false;
  await until("a chunk", () => w.text(1) === "one\n");
  assert.deepEqual(await a.end(), []);
});

Deno.test("makeLogShipper() goes back where the store has a gap", async () => {
  let gap = true;
  const w = world(([chunk]) => {
    if (chunk!.offset === 0 || !gap) return NONE;
    gap = false;
    return {
      refused: [],
      gaps: [{ id: 1, attempt: 1, stream: "stdout", expected: 2 }],
    };
  });
  const a = w.attempt(1);
  a.say("abcd");
  await until("a chunk", () => w.text(1) === "abcd");
  a.say("efgh");
  await until("the rest", () => w.text(1) === "abcdefgh");
  assert.deepEqual(w.requests.map(([chunk]) => chunk!.offset), [0, 4, 2]);
  await a.end();
});

Deno.test("makeLogShipper() says no more of an attempt that was refused", async () => {
  const w = world(() => ({ refused: [{ id: 1, attempt: 1 }], gaps: [] }));
  const a = w.attempt(1);
  a.say("one\n");
  await until("a try", () => w.requests.length === 1);
  a.say("x".repeat(100_000));
  assert.deepEqual(await a.end(), []);
  assert.equal(w.requests.length, 1);
});

Deno.test("makeLogShipper() stores every byte once in order, whatever is said when", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.tuple(
          fc.integer({ min: 1, max: 3 }),
          fc.constantFrom("stdout", "stderr"),
          fc.integer({ min: 0, max: 60_000 }),
        ),
        { maxLength: 30 },
      ),
      async (said) => {
        const w = world();
        const attempts = new Map([1, 2, 3].map((id) => [id, w.attempt(id)]));
        const want = new Map<string, string>();
        for (const [id, stream, size] of said) {
          const text = String.fromCharCode(97 + size % 26).repeat(size);
          want.set(
            `${id}.${stream}`,
            (want.get(`${id}.${stream}`) ?? "") + text,
          );
          attempts.get(id)!.say(text, stream as "stdout");
          if (size % 3 === 0) {
            // deno-lint-ignore no-await-in-loop -- what is said in between
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
        }
        await Promise.all([...attempts.values()].map((a) => a.end()));
        for (const [key, text] of want) {
          const [id, stream] = key.split(".");
          assert.equal(w.text(Number(id), stream), text);
        }
      },
    ),
    { numRuns: 30 },
  );
});
