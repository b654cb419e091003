import assert from "node:assert/strict";
import { testDb } from "../../tests/support/test_db.ts";
import type { Db } from "./connect.ts";
import {
  acquireLease,
  controlPlaneUpFor,
  releaseLease,
  removeService,
  touchService,
} from "./service.ts";

Deno.test("acquireLease() gives a name to one holder, who may renew it", async () => {
  await using t = await testDb();
  assert.equal(await acquireLease(t.sql, "sweep", "a", 60_000), true);
  assert.equal(await acquireLease(t.sql, "sweep", "b", 60_000), false);
  assert.equal(await acquireLease(t.sql, "sweep", "a", 60_000), true);
  assert.equal(await acquireLease(t.sql, "other", "b", 60_000), true);
});

Deno.test("acquireLease() takes over what has run out", async () => {
  await using t = await testDb();
  await acquireLease(t.sql, "sweep", "a", -1);
  assert.equal(await acquireLease(t.sql, "sweep", "b", 60_000), true);
  assert.equal(await acquireLease(t.sql, "sweep", "a", 60_000), false);
});

Deno.test("acquireLease() lets one of many at once win", async () => {
  await using t = await testDb();
  const won = await Promise.all(
    ["a", "b", "c", "d", "e"].map((holder) =>
      acquireLease(t.sql, "sweep", holder, 60_000)
    ),
  );
  assert.equal(won.filter(Boolean).length, 1);
});

Deno.test("releaseLease() frees only what the holder holds", async () => {
  await using t = await testDb();
  await acquireLease(t.sql, "sweep", "a", 60_000);
  await releaseLease(t.sql, "sweep", "b");
  assert.equal(await acquireLease(t.sql, "sweep", "b", 60_000), false);
  await releaseLease(t.sql, "sweep", "a");
  assert.equal(await acquireLease(t.sql, "sweep", "b", 60_000), true);
});

Deno.test("controlPlaneUpFor() is null without a living api", async () => {
  await using t = await testDb();
  assert.deepEqual(await controlPlaneUpFor(t.sql), { apiMs: null });
  await touchService(t.sql, { id: "s", role: "scheduler" });
  await alive(t.sql, "dead", 600, 6);
  assert.deepEqual(await controlPlaneUpFor(t.sql), { apiMs: null });
});

const upFor: { name: string; rows: [number, number][]; seconds: number }[] = [
  { name: "one process", rows: [[30, 0]], seconds: 30 },
  { name: "the older of two that live", rows: [[30, 0], [90, 1]], seconds: 90 },
  {
    name: "a chain of restarts",
    rows: [[10, 0], [60, 12], [200, 61]],
    seconds: 200,
  },
  { name: "only up to a gap", rows: [[10, 0], [60, 20]], seconds: 10 },
  {
    name: "a short life inside a long one",
    rows: [[100, 0], [50, 40]],
    seconds: 100,
  },
];
for (const { name, rows, seconds } of upFor) {
  Deno.test(`controlPlaneUpFor() counts ${name}`, async () => {
    await using t = await testDb();
    for (const [index, [from, to]] of rows.entries()) {
      // deno-lint-ignore no-await-in-loop -- a handful
      await alive(t.sql, `api-${index}`, from, to);
    }
    const { apiMs } = await controlPlaneUpFor(t.sql);
    assert.ok(
      apiMs !== null && Math.abs(apiMs - seconds * 1000) < 5_000,
      `${apiMs} ms`,
    );
  });
}

Deno.test("touchService() begins anew after a silence, and forgets the old", async () => {
  await using t = await testDb();
  await alive(t.sql, "frozen", 600, 20);
  await alive(t.sql, "ancient", 200_000, 90_000);
  await touchService(t.sql, { id: "frozen", role: "api" });
  const rows = await t.sql<
    { id: string; young: boolean }[]
  >`select id, started_at > now() - interval '5 s' as young from service`;
  assert.deepEqual([...rows], [{ id: "frozen", young: true }]);
});

Deno.test("touchService() keeps the start of a process it sees often", async () => {
  await using t = await testDb();
  await alive(t.sql, "steady", 600, 2);
  await touchService(t.sql, { id: "steady", role: "api" });
  const { apiMs } = await controlPlaneUpFor(t.sql);
  assert.ok(apiMs !== null && apiMs >= 600_000);
});

Deno.test("removeService() takes a process off, twice without harm", async () => {
  await using t = await testDb();
  await touchService(t.sql, { id: "a", role: "api" });
  await removeService(t.sql, "a");
  await removeService(t.sql, "a");
  assert.deepEqual(await controlPlaneUpFor(t.sql), { apiMs: null });
});

/** An api process that began and was last seen so many seconds ago. */
async function alive(sql: Db, id: string, from: number, to: number) {
  await sql`insert into service (id, role, started_at, seen_at) values
    (${id}, 'api', now() - ${from} * interval '1 s', now() - ${to} * interval '1 s')`;
}
