// deno-lint-ignore-file no-await-in-loop -- cases follow each other
import assert from "node:assert/strict";
import {
  type ActionSeed,
  anAction,
  anExecution,
  aWorker,
  executions,
  schedule,
} from "../../tests/support/executions.ts";
import { type TestDb, testDb } from "../../tests/support/test_db.ts";
import { requestCancel } from "./cancel.ts";
import { claimExecutions } from "./claim.ts";
import { renewLeases, setPreparing } from "./lease.ts";
import { expireLeasesOf, loseExecutions } from "./lost.ts";
import { settleOutcomes } from "./settle.ts";

async function claimed(
  { sql }: TestDb,
  seed: ActionSeed,
  { attempt = 1, worker }: { attempt?: number; worker?: number } = {},
) {
  const owner = worker ?? await aWorker(sql, { name: "gone" });
  const id = await anExecution(sql, await anAction(sql, seed));
  await sql`update execution set attempt = ${attempt} where id = ${id}`;
  await schedule(sql, id);
  const { claimed } = await claimExecutions(sql, owner, [{ id, attempt }]);
  return {
    worker: owner,
    held: { id, attempt, lease: claimed[0]!.lease_token },
  };
}

async function expire({ sql }: TestDb) {
  await sql`update execution set lease_until = now() - interval '1 ms' where lease_until is not null`;
}

Deno.test("loseExecutions() hands over, abandons or cancels as packs.md 2.3 says", async () => {
  const table: {
    name: string;
    seed: ActionSeed;
    attempt?: number;
    preparing?: boolean;
    canceling?: boolean;
    ends: [status: string, attempt: number, reason: string | null];
  }[] = [
    {
      name: "preparing",
      seed: {},
      preparing: true,
      ends: ["requested", 1, null],
    },
    {
      name: "preparing a later attempt",
      seed: { idempotent: true },
      attempt: 3,
      preparing: true,
      ends: ["requested", 3, null],
    },
    { name: "started, default", seed: {}, ends: ["abandoned", 1, "lost"] },
    {
      name: "started, retried on other things",
      seed: { retry: { max_attempts: 5 } },
      ends: ["abandoned", 1, "lost"],
    },
    {
      name: "idempotent",
      seed: { idempotent: true },
      ends: ["requested", 2, null],
    },
    {
      name: "idempotent, third attempt",
      seed: { idempotent: true },
      attempt: 3,
      ends: ["abandoned", 3, "lost"],
    },
    {
      name: "idempotent with a retry block",
      seed: { idempotent: true, retry: { max_attempts: 5, delay: 0 } },
      attempt: 4,
      ends: ["requested", 5, null],
    },
    {
      name: "lost in retry.on",
      seed: { retry: { max_attempts: 2, on: ["lost"] } },
      ends: ["requested", 2, null],
    },
    {
      name: "lost in retry.on, used up",
      seed: { retry: { max_attempts: 2, on: ["lost"] } },
      attempt: 2,
      ends: ["abandoned", 2, "lost"],
    },
    {
      name: "canceling",
      seed: { idempotent: true },
      canceling: true,
      ends: ["cancelled", 1, "cancelled"],
    },
    {
      name: "canceling while preparing",
      seed: {},
      preparing: true,
      canceling: true,
      ends: ["cancelled", 1, "cancelled"],
    },
  ];
  await using db = await testDb();
  const { sql } = db;
  const worker = await aWorker(sql, { name: "gone" });
  for (const { name, seed, attempt = 1, preparing, canceling, ends } of table) {
    const { held } = await claimed(db, seed, { attempt, worker });
    if (preparing) assert.ok(await setPreparing(sql, worker, held, true));
    if (canceling) await requestCancel(sql, held.id);
    assert.deepEqual(
      (await loseExecutions(sql, { expired: true })).changes,
      [],
    );
    await expire(db);
    const { changes, requested } = await loseExecutions(sql, { expired: true });
    assert.deepEqual(changes.map((c) => [c.status, c.attempt, c.reason]), [
      ends,
    ], name);
    assert.equal(changes[0]!.old_status, canceling ? "canceling" : "running");
    assert.equal(requested.length, ends[0] === "requested" ? 1 : 0, name);
    const [row] = await sql`
      select lease_token is null and not preparing and (finished_at is null) = (status = 'requested')
        and (worker is null) = (status = 'requested') as clean, result->>'error' as error
      from execution where id = ${held.id}`;
    assert.ok(row!.clean, name);
    if (ends[2] === "lost") {
      assert.match(row!.error, /The worker gone was lost/);
    }
    const late = await settleOutcomes(sql, [{
      ...held,
      worker_id: worker,
      status: "completed",
      reason: null,
      result: { succeeded: true },
      isolation: null,
      usage: null,
      logs: [],
    }]);
    assert.deepEqual(late.changes, [], `${name}: a late outcome is refused`);
    const gone = await renewLeases(sql, worker, [held]);
    assert.deepEqual(gone.gone, [{ id: held.id, attempt }], name);
  }
});

Deno.test("loseExecutions() waits before the next attempt only with a retry block", async () => {
  await using db = await testDb();
  const { sql } = db;
  const worker = await aWorker(sql);
  const waits: [ActionSeed, number][] = [
    [{ idempotent: true }, 0],
    [{ retry: { max_attempts: 9, delay: 4, on: ["lost"] } }, 4_000],
  ];
  for (const [seed, inMs] of waits) {
    await claimed(db, seed, { worker });
    const { requested } = await expireLeasesOf(sql, worker);
    assert.deepEqual(requested.map((r) => r.inMs), [inMs]);
  }
});

Deno.test("loseExecutions() gives a version to the log of what it abandons", async () => {
  await using db = await testDb();
  const { sql } = db;
  const { held } = await claimed(db, { ref: "acme.lost" });
  await sql`insert into execution_log (execution, attempt, stream, start_offset, data)
    values (${held.id}, 1, 'stderr', 0, 'last words')`;
  await expire(db);
  await loseExecutions(sql, { expired: true });
  const rows = await sql`select a.ref, v.version, v.size_bytes, v.log_stream
    from artifact_version v join artifact a on a.id = v.artifact`;
  assert.deepEqual(rows.map((r) => ({ ...r })), [{
    ref: "acme.lost.stderr.log",
    version: 1,
    size_bytes: 10,
    log_stream: "stderr",
  }]);
});

Deno.test("expireLeasesOf() takes everything from one worker and nothing from others", async () => {
  await using db = await testDb();
  const { sql } = db;
  const action = await anAction(sql, { idempotent: true });
  const [dead, alive] = [await aWorker(sql), await aWorker(sql)];
  const ids = await executions(sql, action, 230);
  await schedule(sql, ...ids);
  const items = ids.map((id) => ({ id, attempt: 1 }));
  await claimExecutions(sql, dead, items.slice(0, 220));
  await claimExecutions(sql, alive, items.slice(220));
  const { changes, requested } = await expireLeasesOf(sql, dead);
  assert.equal(changes.length, 220);
  assert.deepEqual(requested.map((r) => r.id), ids.slice(0, 220));
  const [row] =
    await sql`select count(*) from execution where status = 'running' and worker = ${alive}`;
  assert.equal(row!.count, 10);
});

Deno.test("expireLeasesOf() leaves what the worker says it still has, under the very lease", async () => {
  await using db = await testDb();
  const { sql } = db;
  const worker = await aWorker(sql);
  const ids = await executions(sql, await anAction(sql), 3);
  await schedule(sql, ...ids);
  const items = ids.map((id) => ({ id, attempt: 1 }));
  const { claimed } = await claimExecutions(sql, worker, items);
  const held = claimed.map(({ id, attempt, lease_token }) => ({
    id,
    attempt,
    lease: lease_token,
  }));
  const wrong = { ...held[1]!, lease: crypto.randomUUID() };
  const { changes } = await expireLeasesOf(sql, worker, [held[0]!, wrong]);
  assert.deepEqual(changes.map(({ id }) => id), ids.slice(1));
});

Deno.test("loseExecutions() by lease touches only what that lease holds", async () => {
  await using db = await testDb();
  const { sql } = db;
  const { held } = await claimed(db, {});
  const wrong = { ...held, lease: crypto.randomUUID() };
  assert.deepEqual((await loseExecutions(sql, { held: [wrong] })).changes, []);
  const { changes } = await loseExecutions(sql, { held: [held] });
  assert.deepEqual(changes.map((c) => c.status), ["abandoned"]);
});

Deno.test("loseExecutions(), settleOutcomes() and requestCancel() at once: one of them ends the attempt", async () => {
  await using db = await testDb();
  const { sql } = db;
  const worker = await aWorker(sql);
  const action = await anAction(sql);
  for (let round = 0; round < 60; round++) {
    const id = await anExecution(sql, action);
    await schedule(sql, id);
    const { claimed } = await claimExecutions(sql, worker, [{
      id,
      attempt: 1,
    }]);
    const held = { id, attempt: 1, lease: claimed[0]!.lease_token };
    await expire(db);
    const report = {
      ...held,
      worker_id: worker,
      status: "completed" as const,
      reason: null,
      result: { succeeded: true },
      isolation: null,
      usage: null,
      logs: [],
    };
    const answers = await Promise.all([
      requestCancel(sql, id),
      loseExecutions(sql, { expired: true }),
      settleOutcomes(sql, [report]),
      renewLeases(sql, worker, [held]),
    ]);
    await expire(db);
    const last = await loseExecutions(sql, { expired: true });
    const ends = [answers[0]!, answers[1], answers[2], last]
      .flatMap((answer) => answer.changes)
      .filter((change) => change.finished_at !== null);
    assert.equal(ends.length, 1, JSON.stringify(ends));
  }
});
