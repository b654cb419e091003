import assert from "node:assert/strict";
import { testDb } from "../../tests/support/test_db.ts";
import { migrate, migrationStatus } from "./migrate.ts";

Deno.test("migrate() has nothing to do on a migrated database", async () => {
  await using t = await testDb();
  assert.deepEqual(await migrate(t.sql), []);
  const status = await migrationStatus(t.sql);
  assert.deepEqual(status.pending, []);
  assert.equal(status.applied[0]?.name, "executions");
});
