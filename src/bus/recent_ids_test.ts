import assert from "node:assert/strict";
import { RecentIds } from "./recent_ids.ts";

Deno.test("RecentIds knows an id within its window", () => {
  const ids = new RecentIds(100, 10);
  assert.equal(ids.add("a", 0), true);
  assert.equal(ids.add("a", 99), false);
  assert.equal(ids.add("b", 99), true);
  assert.equal(ids.add("a", 100), true);
  assert.equal(ids.add("b", 100), false);
});

Deno.test("RecentIds forgets the oldest when there are too many", () => {
  const ids = new RecentIds(100, 3);
  for (const id of ["a", "b", "c", "d"]) assert.equal(ids.add(id, 0), true);
  for (const id of ["d", "c", "b"]) assert.equal(ids.add(id, 1), false);
  assert.equal(ids.add("a", 1), true);
});
