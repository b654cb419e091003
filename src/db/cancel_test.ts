// deno-lint-ignore-file no-await-in-loop -- cases follow each other
import assert from "node:assert/strict";
import {
  anAction,
  anExecution,
  aWorker,
  schedule,
} from "../../tests/support/executions.ts";
import { type TestDb, testDb } from "../../tests/support/test_db.ts";
import type { ExecutionStatus } from "../domain/execution.ts";
import { requestCancel } from "./cancel.ts";
import { claimExecutions } from "./claim.ts";

async function inStatus({ sql }: TestDb, status: ExecutionStatus) {
  const id = await anExecution(sql, await anAction(sql));
  if (status === "requested") return id;
  await schedule(sql, id);
  if (status === "scheduled") return id;
  await claimExecutions(sql, await aWorker(sql), [{ id, attempt: 1 }]);
  if (status === "running") return id;
  const held = status === "canceling";
  await sql`
    update execution set status = ${status}, finished_at = ${
    held ? null : "now()"
  },
      lease_token = case when ${held} then lease_token end,
      lease_until = case when ${held} then lease_until end where id = ${id}`;
  return id;
}

Deno.test("requestCancel() follows the table of api.md 3.10", async () => {
  await using db = await testDb();
  const { sql } = db;
  const table: [ExecutionStatus, ExecutionStatus, string?][] = [
    ["requested", "cancelled", "Cancelled by user before execution started"],
    ["scheduled", "cancelled", "Cancelled by user before execution started"],
    ["running", "canceling"],
    ["canceling", "canceling"],
    ["completed", "completed"],
    ["failed", "failed"],
    ["cancelled", "cancelled"],
    ["abandoned", "abandoned"],
  ];
  for (const [before, after, error] of table) {
    const id = await inStatus(db, before);
    const answer = await requestCancel(sql, id);
    assert.equal(answer?.before, before);
    assert.equal(answer.status, after);
    const moved = before !== after;
    assert.deepEqual(
      answer.changes.map((c) => [c.id, c.old_status, c.status]),
      moved ? [[id, before, after]] : [],
    );
    assert.equal(answer.worker !== null, !moved || after === "canceling");
    const [row] = await sql`
      select result->>'error' as error, reason, finished_at is not null as finished,
        cancel_requested_at is not null as asked from execution where id = ${id}`;
    if (error !== undefined) {
      assert.deepEqual({ ...row }, {
        error,
        reason: "cancelled",
        finished: true,
        asked: true,
      });
    } else if (moved) {
      assert.deepEqual({ ...row }, {
        error: null,
        reason: null,
        finished: false,
        asked: true,
      });
    }
  }
  assert.equal(await requestCancel(sql, 999_999), undefined);
});

Deno.test("requestCancel() takes along children that have not started", async () => {
  await using db = await testDb();
  const { sql } = db;
  const parent = await inStatus(db, "running");
  const action = await anAction(sql);
  const [waiting, running] = [
    await anExecution(sql, action, { parent }),
    await anExecution(sql, action, { parent }),
  ];
  await schedule(sql, running);
  await claimExecutions(sql, await aWorker(sql), [{ id: running, attempt: 1 }]);
  const answer = await requestCancel(sql, parent);
  assert.deepEqual(
    answer?.changes.map((c) => [c.id, c.status]),
    [[parent, "canceling"], [waiting, "cancelled"]],
  );
  const [row] =
    await sql`select status, result->>'error' as error from execution where id = ${waiting}`;
  assert.equal(
    row!.error,
    `Cancelled before execution started, with its parent execution ${parent}`,
  );
  const again = await requestCancel(sql, parent);
  assert.deepEqual(again?.changes, []);
});

Deno.test("requestCancel() and a claim never both win", async () => {
  await using db = await testDb();
  const { sql } = db;
  const worker = await aWorker(sql);
  const action = await anAction(sql);
  for (let round = 0; round < 100; round++) {
    const id = await anExecution(sql, action);
    await schedule(sql, id);
    const [cancel, claim] = await Promise.all([
      requestCancel(sql, id),
      claimExecutions(sql, worker, [{ id, attempt: 1 }]),
    ]);
    const claimed = claim.claimed.length === 1;
    assert.equal(cancel?.status, claimed ? "canceling" : "cancelled");
  }
});
