import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { type Capture, makeCapture, truncationNote } from "./capture.ts";

const NOTE = truncationNote("stdout");

/** The rule of packs.md 3.8 said again, on the whole stream at once. */
function expected(
  all: Buffer,
  limit: number,
): { kept: Buffer; dropped: number } {
  const point = Math.max(0, limit - 128);
  if (all.length <= point) return { kept: all, dropped: 0 };
  const newline = all.subarray(0, point).lastIndexOf(0x0a);
  let cut = point;
  if (newline >= 0 && newline >= point - 8192) cut = newline + 1;
  else {
    for (let back = 1; back <= 3 && point - back >= 0; back++) {
      const byte = all[point - back]!;
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
      if (
        length > back &&
        [...all.subarray(point - back + 1, point + 1)].every((b) =>
          (b & 0xc0) === 0x80
        )
      ) {
        cut = point - back;
      }
      if ((byte & 0xc0) !== 0x80) break;
    }
  }
  return {
    kept: Buffer.concat([all.subarray(0, cut), Buffer.from(NOTE)]),
    dropped: all.length - cut,
  };
}

function fill(
  all: Uint8Array,
  sizes: number[],
  limit: number,
  seen?: (c: Capture) => void,
) {
  const capture = makeCapture("stdout", limit);
  const reused = new Uint8Array(1 << 16);
  for (let at = 0, i = 0; at < all.length; i++) {
    const part = all.subarray(
      at,
      at + Math.max(1, sizes[i % sizes.length] ?? 7),
    );
    reused.set(part.subarray(0, reused.length));
    const chunk = reused.subarray(0, Math.min(part.length, reused.length));
    capture.write(chunk);
    at += chunk.length;
    reused.fill(0x21);
    seen?.(capture);
  }
  capture.end();
  return capture;
}

const streamOf = fc.oneof(
  fc.uint8Array({ maxLength: 12_000 }),
  fc.string({ unit: "binary", maxLength: 4_000 }).map((s) =>
    new Uint8Array(Buffer.from(s))
  ),
  fc.array(fc.constantFrom("é", "漢", "😀", "a", "\n", "x".repeat(300)), {
    maxLength: 400,
  })
    .map((parts) => new Uint8Array(Buffer.from(parts.join("")))),
);
const chunking = fc.array(fc.integer({ min: 1, max: 5_000 }), {
  minLength: 1,
  maxLength: 8,
});

Deno.test("makeCapture() keeps what the cut rule says, however the stream is split", () => {
  fc.assert(
    fc.property(
      streamOf,
      chunking,
      fc.integer({ min: 0, max: 10_000 }),
      (all, sizes, limit) => {
        const capture = fill(all, sizes, limit);
        const want = expected(Buffer.from(all), limit);
        assert.deepEqual(Buffer.from(capture.read(0, Infinity)), want.kept);
        assert.deepEqual(
          [capture.dropped, capture.total, capture.truncated],
          [want.dropped, all.length, want.dropped > 0],
        );
        assert.equal(capture.settled, want.kept.length);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("makeCapture() never changes bytes it called settled", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 9_000, maxLength: 30_000 }),
      chunking,
      fc.integer({ min: 8_500, max: 28_000 }),
      (all, sizes, limit) => {
        let sent = Buffer.alloc(0);
        const capture = fill(all, sizes, limit, (c) => {
          sent = Buffer.concat([
            sent,
            c.read(sent.length, c.settled - sent.length),
          ]);
        });
        assert.deepEqual(
          sent,
          Buffer.from(capture.read(0, sent.length)),
        );
      },
    ),
  );
});

Deno.test("makeCapture() never splits a character", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("é", "漢", "😀"),
      fc.integer({ min: 130, max: 400 }),
      (char, limit) => {
        const capture = fill(Buffer.from(char.repeat(300)), [7], limit);
        assert.ok(!capture.text().includes("\ufffd"));
      },
    ),
  );
});

Deno.test("makeCapture() prefers a line end within 8 KiB of the cut, and only there", async (t) => {
  const limit = 20_128;
  const cases: [string, number, number][] = [
    ["just before the point", 19_999, 20_000],
    ["at the far end of the window", 20_000 - 8192, 20_000 - 8191],
    ["one byte too far", 20_000 - 8193, 20_000],
  ];
  for (const [name, newlineAt, cut] of cases) {
    // deno-lint-ignore no-await-in-loop -- steps run one after another
    await t.step(name, () => {
      const all = Buffer.alloc(30_000, 0x78);
      all[newlineAt] = 0x0a;
      const capture = fill(all, [999], limit);
      assert.equal(capture.settled, cut + NOTE.length);
      assert.equal(capture.dropped, 30_000 - cut);
    });
  }
});

Deno.test("makeCapture() keeps its memory bounded on a line without end", () => {
  const capture = makeCapture("stderr", 1 << 20);
  const chunk = new Uint8Array(1 << 16).fill(0x61);
  const before = Deno.memoryUsage();
  for (let i = 0; i < 16_384; i++) capture.write(chunk);
  const after = Deno.memoryUsage();
  assert.equal(capture.total, 2 ** 30);
  assert.ok(
    after.external + after.heapUsed - before.external - before.heapUsed <
      8 << 20,
  );
  assert.ok(capture.text().endsWith(truncationNote("stderr")));
});

Deno.test("text() decodes across blocks and marks what is not UTF-8", () => {
  const text = "é漢😀".repeat(20_000);
  assert.equal(fill(Buffer.from(text), [4093], 1 << 20).text(), text);
  assert.equal(
    fill(new Uint8Array([0x61, 0xff, 0x62]), [1], 4096).text(),
    "a\ufffdb",
  );
});
