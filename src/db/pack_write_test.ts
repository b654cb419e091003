import assert from "node:assert/strict";
import {
  anAction,
  aPack,
  aRule,
  aRuntime,
  aSensor,
  aTrigger,
} from "../../tests/support/a_pack.ts";
import { testDb } from "../../tests/support/test_db.ts";
import type { Pack } from "../domain/pack.ts";
import type { Db } from "./connect.ts";
import { deletePack } from "./pack_write.ts";
import { storePack } from "./store_pack.ts";

Deno.test("deletePack() takes everything of the pack along, and nothing else", async () => {
  await using t = await testDb();
  await load(t.sql, {
    ref: "other",
    triggers: [aTrigger({ ref: "other.seen" })],
    actions: [anAction({ ref: "other.keep" })],
  });
  await load(t.sql, {
    permission_sets: [{
      ref: "acme.ops",
      label: null,
      description: null,
      grants: [],
      file: "acme/permission_sets/ops.yaml",
    }],
    runtimes: [aRuntime()],
    triggers: [aTrigger()],
    actions: [anAction()],
    rules: [aRule()],
    sensors: [aSensor({ trigger_types: ["other.seen"] })],
  });
  let removals = 0;
  const removeFiles = () => Promise.resolve(void removals++);
  assert.equal(await deletePack(t.sql, "acme", { removeFiles }), true);
  assert.equal(await deletePack(t.sql, "acme", { removeFiles }), false);
  assert.equal(removals, 1);
  const rows = await t.sql`
    select ref, null as sensor_ref from action union all select ref, null from rule
    union all select ref, sensor_ref from trigger union all select ref, null from sensor
    union all select ref, null from runtime union all select ref, null from permission_set order by ref`;
  assert.deepEqual([...rows], [
    { ref: "other.keep", sensor_ref: null },
    { ref: "other.seen", sensor_ref: null },
  ]);
});

Deno.test("deletePack() keeps the pack when its files cannot be removed", async () => {
  await using t = await testDb();
  await load(t.sql, { actions: [anAction()] });
  const removeFiles = () => Promise.reject(new Error("read-only"));
  await assert.rejects(deletePack(t.sql, "acme", { removeFiles }), /read-only/);
  const [row] = await t.sql`
    select (select count(*)::int from pack) as packs, (select count(*)::int from action) as actions`;
  assert.deepEqual(row, { packs: 1, actions: 1 });
});

function load(sql: Db, given: Partial<Pack>) {
  const inPlace = () => Promise.resolve();
  return storePack(sql, aPack(given), { contentHash: "c0ffee", inPlace });
}
