import assert from "node:assert/strict";
import fc from "fast-check";
import { parseOutcome } from "./parse_outcome.ts";

const GOOD = {
  id: 1,
  attempt: 1,
  lease: "0b0e7b06-5d3c-4d9e-9a70-0c9f4a2f7f11",
  worker_id: 3,
  status: "failed",
  reason: "error",
  result: { succeeded: false, exit_code: 1 },
  isolation: null,
  usage: { cpu_ms: 1 },
  logs: [{ stream: "stdout", offset: 0, data: "aGk=" }],
};

Deno.test("parseOutcome() passes a good report as it is", () => {
  assert.deepEqual(parseOutcome(GOOD), GOOD);
  const plain = { ...GOOD, status: "completed", reason: null, logs: [] };
  assert.deepEqual(parseOutcome(plain), plain);
});

Deno.test("parseOutcome() names the field that is wrong", () => {
  const faults: [Record<string, unknown>, string][] = [
    [{ id: "1" }, "id"],
    [{ id: 0 }, "id"],
    [{ id: 1.5 }, "id"],
    [{ attempt: 2 ** 40 }, "attempt"],
    [{ lease: "x" }, "lease"],
    [{ lease: undefined }, "lease"],
    [{ status: "running" }, "status"],
    [{ reason: "because" }, "reason"],
    [{ reason: null }, "reason"],
    [{ reason: undefined }, "reason"],
    [{ result: null }, "result"],
    [{ result: {} }, "result"],
    [{ isolation: "none" }, "isolation"],
    [{ usage: [] }, "usage"],
    [{ logs: {} }, "logs"],
    [{ logs: [{ stream: "stdin", offset: 0, data: "" }] }, "logs"],
    [{ logs: [{ stream: "stdout", offset: -1, data: "" }] }, "logs"],
    [{ logs: [{ stream: "stdout", offset: 0, data: "a" }] }, "logs"],
  ];
  for (const [over, field] of faults) {
    assert.throws(() => parseOutcome({ ...GOOD, ...over }), {
      message: new RegExp(`^An outcome cannot have ${field} `),
    }, JSON.stringify(over));
  }
});

Deno.test("parseOutcome() throws an Error of its own for any other value", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    assert.throws(() => parseOutcome(value), /^Error: An outcome/);
  }));
});
