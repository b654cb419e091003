import assert from "node:assert/strict";
import { readPack } from "../src/packs/read_pack.ts";

const PACKS = new URL("fixtures/packs/", import.meta.url).pathname;

Deno.test("readPack() names every fault of the broken pack at once", async () => {
  const reading = await readPack(`${PACKS}broken`);
  assert.ok(!reading.ok);
  assert.deepEqual(reading.errors.map(({ message }) => message), []);
});

Deno.test("readPack() loads what it can of the partial pack and says what it left out", async () => {
  const reading = await readPack(`${PACKS}partial`, {
    known: {
      packs: new Map(),
      triggers: new Map(),
      actions: new Map(),
      offered: new Map([["python", ["3.12.1"]]]),
    },
  });
  assert.ok(reading.ok);
  assert.deepEqual(reading.warnings.map(({ message }) => message), []);
});

for (const pack of ["demo", "faults"]) {
  Deno.test(`readPack() loads the ${pack} pack`, async () => {
    const reading = await readPack(PACKS + pack);
    assert.ok(reading.ok);
  });
}
