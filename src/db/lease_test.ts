// deno-lint-ignore-file no-await-in-loop -- cases follow each other
import assert from "node:assert/strict";
import {
  anAction,
  aWorker,
  executions,
  schedule,
} from "../../tests/support/executions.ts";
import { type TestDb, testDb } from "../../tests/support/test_db.ts";
import type { Held } from "../domain/agent_protocol.ts";
import { claimExecutions } from "./claim.ts";
import { renewLeases, setPreparing } from "./lease.ts";

async function held({ sql }: TestDb, count: number) {
  const worker = await aWorker(sql);
  const ids = await executions(sql, await anAction(sql), count);
  await schedule(sql, ...ids);
  const { claimed } = await claimExecutions(
    sql,
    worker,
    ids.map((id) => ({ id, attempt: 1 })),
  );
  await sql`update execution set lease_until = now() - interval '1 s'`;
  const items = claimed.map(({ id, attempt, lease_token }): Held => ({
    id,
    attempt,
    lease: lease_token,
  }));
  return { worker, items };
}

Deno.test("renewLeases() prolongs what is held and says what to cancel and what is gone", async () => {
  await using db = await testDb();
  const { sql } = db;
  const { worker, items } = await held(db, 4);
  const [kept, cancelled, ended, foreign] = items as [Held, Held, Held, Held];
  await sql`update execution set status = 'canceling' where id = ${cancelled.id}`;
  await sql`update execution set status = 'completed', finished_at = now(), lease_token = null, lease_until = null
    where id = ${ended.id}`;
  const answer = await renewLeases(sql, worker, [
    kept,
    cancelled,
    ended,
    { ...foreign, lease: crypto.randomUUID() },
    { id: 77, attempt: 1, lease: "nonsense" },
  ]);
  assert.deepEqual(answer.cancel, [{ id: cancelled.id, attempt: 1 }]);
  assert.deepEqual(
    answer.gone.map((g) => g.id).sort((a, b) => a - b),
    [ended.id, foreign.id, 77].sort((a, b) => a - b),
  );
  const rows = await sql<{ id: number }[]>`
    select id from execution where lease_until > now() + interval '10 s' order by id`;
  assert.deepEqual(rows.map((r) => r.id), [kept.id, cancelled.id]);
});

Deno.test("renewLeases() refuses another worker and another attempt", async () => {
  await using db = await testDb();
  const { items: [item], worker } = await held(db, 1);
  const other = await aWorker(db.sql);
  assert.equal((await renewLeases(db.sql, other, [item!])).gone.length, 1);
  const later = { ...item!, attempt: 2 };
  assert.equal((await renewLeases(db.sql, worker, [later])).gone.length, 1);
  assert.deepEqual(await renewLeases(db.sql, worker, []), {
    cancel: [],
    gone: [],
  });
});

Deno.test("setPreparing() is true only while the attempt is the worker's and not cancelled", async () => {
  await using db = await testDb();
  const { sql } = db;
  const { items: [item], worker } = await held(db, 1);
  const preparing = async () =>
    (await sql`select preparing, lease_until > now() as fresh from execution`)[
      0
    ];
  assert.equal(await setPreparing(sql, worker, item!, true), true);
  assert.deepEqual({ ...await preparing() }, { preparing: true, fresh: true });
  assert.equal(await setPreparing(sql, worker, item!, false), true);
  assert.deepEqual({ ...await preparing() }, { preparing: false, fresh: true });
  const refused: [number, Held][] = [
    [await aWorker(sql), item!],
    [worker, { ...item!, attempt: 2 }],
    [worker, { ...item!, lease: crypto.randomUUID() }],
    [worker, { ...item!, lease: "nonsense" }],
  ];
  for (const [who, what] of refused) {
    assert.equal(await setPreparing(sql, who, what, true), false);
  }
  await sql`update execution set status = 'canceling'`;
  assert.equal(await setPreparing(sql, worker, item!, false), false);
});
