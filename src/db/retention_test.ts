import assert from "node:assert/strict";
import {
  anAction,
  aWorker,
  executions,
  schedule,
} from "../../tests/support/executions.ts";
import { type TestDb, testDb } from "../../tests/support/test_db.ts";
import { claimExecutions } from "./claim.ts";
import { dropUnusedRequirements, storeRequirements } from "./fleet.ts";
import { dropOldExecutions, dropOldLogs, dropOldWorkers } from "./retention.ts";
import { settleOutcomes } from "./settle.ts";

/** Finished executions that printed a line each. */
async function finished(
  { sql }: TestDb,
  { ref, count, logRetention }: {
    ref: string;
    count: number;
    logRetention?: [string, number];
  },
): Promise<number[]> {
  const worker = await aWorker(sql);
  const action = await anAction(sql, {
    ref,
    ...(logRetention && { logRetention }),
  });
  const ids = await executions(sql, action, count);
  await schedule(sql, ...ids);
  const { claimed } = await claimExecutions(
    sql,
    worker,
    ids.map((id) => ({ id, attempt: 1 })),
  );
  await settleOutcomes(
    sql,
    claimed.map((row) => ({
      id: row.id,
      attempt: 1,
      lease: row.lease_token,
      worker_id: worker,
      status: "completed" as const,
      reason: null,
      result: { succeeded: true },
      isolation: null,
      usage: null,
      logs: [{ stream: "stdout" as const, offset: 0, data: btoa("line") }],
    })),
  );
  return ids;
}

async function kept({ sql }: TestDb) {
  const [row] = await sql`
    select (select array_agg(id order by id) from execution) as executions,
      (select array_agg(execution order by execution) from execution_log) as logs,
      (select array_agg(coalesce(execution, 0) order by execution) from artifact_version) as versions`;
  return { ...row };
}

Deno.test("dropOldExecutions() deletes finished ones with their logs, and nothing else", async () => {
  await using db = await testDb();
  const { sql } = db;
  const [old, recent] = await finished(db, { ref: "a.b", count: 2 }) as [
    number,
    number,
  ];
  const [waiting] = await executions(sql, await anAction(sql), 1);
  await sql`update execution set created = now() - interval '31 days' where id <> ${recent}`;
  assert.equal(await dropOldExecutions(sql, { days: 30 }), 1);
  assert.equal(await dropOldExecutions(sql, { days: 30 }), 0);
  assert.ok(old < recent);
  assert.deepEqual(await kept(db), {
    executions: [recent, waiting],
    logs: [recent],
    versions: [recent],
  });
});

Deno.test("dropOldLogs() keeps what each artifact's policy says", async () => {
  await using db = await testDb();
  const { sql } = db;
  const week = await finished(db, { ref: "a.week", count: 2 });
  const two = await finished(db, {
    ref: "a.two",
    count: 5,
    logRetention: ["versions", 2],
  });
  const hour = await finished(db, {
    ref: "a.hour",
    count: 2,
    logRetention: ["hours", 1],
  });
  await sql`update artifact_version set created = now() - interval '8 days' where execution = ${week[
    0
  ]!}`;
  await sql`update artifact_version set created = now() - interval '2 hours' where execution = ${hour[
    0
  ]!}`;
  await sql`insert into artifact_version (artifact, version, file_path, created)
    select id, 9, 'x/v9.txt', now() - interval '1 year' from artifact where ref = 'a.week.stdout.log'`;
  assert.equal(await dropOldLogs(sql), 1 + 3 + 1);
  assert.equal(await dropOldLogs(sql), 0);
  const left = [week[1]!, ...two.slice(3), hour[1]!];
  const { logs, versions } = await kept(db);
  assert.deepEqual(logs, left);
  assert.deepEqual(versions, [...left, 0]);
});

Deno.test("dropOldWorkers() forgets agents that vanished and hold nothing", async () => {
  await using db = await testDb();
  const { sql } = db;
  const day = 86_400;
  await aWorker(sql, { name: "gone", silentFor: 40 * day });
  await aWorker(sql, { name: "quiet", silentFor: 20 * day });
  await aWorker(sql, {
    name: "cordoned",
    silentFor: 40 * day,
    cordoned: true,
  });
  const holder = await aWorker(sql, { name: "holder", silentFor: 40 * day });
  const [id] = await executions(sql, await anAction(sql), 1);
  await schedule(sql, id!);
  await claimExecutions(sql, holder, [{ id: id!, attempt: 1 }]);
  assert.equal(await dropOldWorkers(sql, { days: 30 }), 1);
  const names = await sql<
    { name: string }[]
  >`select name from worker order by name`;
  assert.deepEqual(names.map((w) => w.name), ["cordoned", "holder", "quiet"]);
});

Deno.test("dropUnusedRequirements() keeps what actions and executions need", async () => {
  await using db = await testDb();
  const { sql } = db;
  const body = {
    runtime: "shell",
    runtime_version: null,
    required_runtimes: {},
    selector: {},
    tolerations: [],
    affinity: { required: [], preferred: [], anti_affinity: [] },
  };
  const keys = ["of_action", "queued", "waiting", "unused", "fresh"];
  await storeRequirements(sql, keys.map((key) => ({ key, body })));
  await sql`update requirement set used = now() - interval '2 hours' where key <> 'fresh'`;
  const action = await anAction(sql);
  await sql`insert into action_requirement (action, key, action_updated) values (${action.id}, 'of_action', now())`;
  const [queued, waiting] = await executions(sql, action, 2) as [
    number,
    number,
  ];
  await schedule(sql, queued);
  await sql`update execution set requirement = 'queued' where id = ${queued}`;
  await sql`update execution set requirement = 'waiting', waiting_for = 'x' where id = ${waiting}`;
  assert.equal(await dropUnusedRequirements(sql, { unusedMs: 3_600_000 }), 1);
  const left = await sql<
    { key: string }[]
  >`select key from requirement order by key`;
  assert.deepEqual(left.map((r) => r.key), [
    "fresh",
    "of_action",
    "queued",
    "waiting",
  ]);
});
