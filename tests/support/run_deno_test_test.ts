import assert from "node:assert/strict";
import { countTests, runDenoTest } from "./run_deno_test.ts";

const cases = [
  {
    name: "a good run",
    output: "ok | 3 passed | 0 failed (20ms)\n",
    counts: { passed: 3, failed: 0, skipped: 0 },
  },
  {
    name: "steps, ignored and filtered ones, in colour",
    output:
      "x ... ok\n\x1b[0m\x1b[31mFAILED\x1b[0m | 12 passed (4 steps) | 2 failed (1 step) | 1 ignored | 7 filtered out \x1b[0m\x1b[38;5;245m(1s)\x1b[0m\n\n",
    counts: { passed: 12, failed: 2, skipped: 1 },
  },
  {
    name: "the last line, not what a test printed",
    output:
      "ok | 99 passed | 0 failed (1ms)\n\nok | 1 passed | 0 failed (1ms)\n",
    counts: { passed: 1, failed: 0, skipped: 0 },
  },
  {
    name: "a run that never came to its end",
    output: "error: Module not found\n",
    counts: { passed: 0, failed: 0, skipped: 0 },
  },
];
for (const { name, output, counts } of cases) {
  Deno.test(`countTests() reads ${name}`, () => {
    assert.deepEqual(countTests(output), counts);
  });
}

Deno.test("runDenoTest() starts nothing once it is told to stop", async () => {
  const { success } = await runDenoTest({
    args: ["/no/such/file_test.ts"],
    env: {},
    signal: AbortSignal.abort(),
  });
  assert.equal(success, false);
});
