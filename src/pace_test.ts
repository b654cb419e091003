import assert from "node:assert/strict";
import { makePace } from "./pace.ts";

Deno.test("makePace() keeps starts apart and lets a rested caller pass", async () => {
  const pace = makePace(200);
  const from = performance.now();
  await pace();
  const first = performance.now() - from;
  await pace();
  const second = performance.now() - from;
  assert.ok(first < 150, `${first} ms`);
  assert.ok(second >= 199, `${second} ms`);
});
