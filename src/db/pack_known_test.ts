import assert from "node:assert/strict";
import { testDb } from "../../tests/support/test_db.ts";
import { readKnown } from "./pack_known.ts";

Deno.test("readKnown() names what agents offer, all versions together; null without agents", async () => {
  await using db = await testDb();
  const { sql } = db;
  assert.equal((await readKnown(sql, "acme")).offered, null);
  for (
    const [name, runtimes, versions] of [
      ["one", ["python", "shell"], { python: ["3.11.2"] }],
      ["two", ["python"], { python: ["3.12.1", "3.11.2"] }],
    ] as const
  ) {
    const capabilities = JSON.stringify({
      runtimes,
      runtime_versions: versions,
    });
    // deno-lint-ignore no-await-in-loop -- two rows
    await sql`
      insert into worker (instance_id, name, worker_type, capabilities)
      values (${name}, ${name}, 'local', ${capabilities}::text::jsonb)`;
  }
  const { offered } = await readKnown(sql, "acme");
  assert.deepEqual(
    offered?.toSorted((a, b) => a.name < b.name ? -1 : 1),
    [
      { name: "python", versions: ["3.11.2", "3.12.1"] },
      { name: "shell", versions: [] },
    ],
  );
});
