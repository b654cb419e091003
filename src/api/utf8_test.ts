import assert from "node:assert/strict";
import fc from "fast-check";
import { textLength } from "./utf8.ts";

const CASES: [number[], number][] = [
  [[], 0],
  [[0x61], 1],
  [[0xe2, 0x82, 0xac], 3],
  [[0xe2, 0x82], 0],
  [[0x61, 0xe2], 1],
  [[0xf0, 0x9f, 0x98], 0],
  [[0xf0, 0x9f, 0x98, 0x80], 4],
  [[0x61, 0xff], 2],
  [[0xc0], 1],
  [[0x80, 0x80, 0x80, 0x80], 4],
  [[0x61, 0x0d], 1],
  [[0x61, 0x0d, 0x0a], 3],
  [[0x0d], 0],
];

for (const [bytes, length] of CASES) {
  Deno.test({
    name: `textLength() of [${bytes}] is ${length}`,
    permissions: "none",
    fn: () => assert.equal(textLength(new Uint8Array(bytes)), length),
  });
}

Deno.test({
  name: "textLength() cuts any bytes into pieces that decode to the same text",
  permissions: "none",
  fn() {
    const decode = (bytes: Uint8Array) =>
      new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.string({ unit: "binary", maxLength: 40 }).map((text) =>
        new TextEncoder().encode(text)
      ),
    );
    fc.assert(
      fc.property(bytes, fc.integer({ min: 4, max: 9 }), (all, size) => {
        let text = "";
        let at = 0;
        while (at < all.length) {
          const piece = all.subarray(at, at + size);
          const length = textLength(piece) || piece.length;
          text += decode(piece.subarray(0, length));
          at += length;
        }
        assert.equal(text, decode(all));
      }),
      { numRuns: 2000 },
    );
  },
});
