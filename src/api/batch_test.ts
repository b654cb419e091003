import assert from "node:assert/strict";
import { batched } from "./batch.ts";

Deno.test({
  name:
    "batched() serves the first alone and those who came meanwhile together",
  permissions: "none",
  async fn() {
    const runs: number[][] = [];
    const began = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const double = batched<number, number>({
      max: 3,
      retryAlone: () => false,
      run: async (items) => {
        runs.push(items);
        began.resolve();
        await gate.promise;
        return items.map((item) => item * 2);
      },
    });
    const first = double(1);
    await began.promise;
    const others = [2, 3, 4, 5].map(double);
    gate.resolve();
    const answers = Promise.all([first, ...others]);
    assert.deepEqual(await answers, [2, 4, 6, 8, 10]);
    assert.deepEqual(runs, [[1], [2, 3, 4], [5]]);
  },
});

Deno.test({
  name:
    "batched() tries each alone when one spoils the batch, and goes on after",
  permissions: "none",
  async fn() {
    const runs: number[][] = [];
    const half = batched<number, number>({
      max: 10,
      retryAlone: (error) => error instanceof RangeError,
      run: (items) => {
        runs.push(items);
        return items.includes(3)
          ? Promise.reject(new RangeError("odd"))
          : Promise.resolve(items.map((item) => item / 2));
      },
    });
    const answers = await Promise.allSettled([2, 3, 4, 6].map(half));
    assert.deepEqual(
      answers.map((a) => a.status === "fulfilled" ? a.value : "failed"),
      [1, "failed", 2, 3],
    );
    assert.deepEqual(runs, [[2, 3, 4, 6], [2], [3], [4], [6]]);
    assert.equal(await half(8), 4);
  },
});

Deno.test({
  name: "batched() does not repeat what may have happened",
  permissions: "none",
  async fn() {
    let runs = 0;
    const act = batched<number, number>({
      max: 10,
      retryAlone: (error) => error instanceof RangeError,
      run: () => {
        runs++;
        return Promise.reject(new Error("connection lost"));
      },
    });
    const answers = await Promise.allSettled([1, 2, 3].map(act));
    assert.ok(answers.every(({ status }) => status === "rejected"));
    assert.equal(runs, 1);
  },
});
