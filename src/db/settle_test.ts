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
import type { OutcomeReport } from "../domain/agent_protocol.ts";
import { REASONS } from "../domain/execution.ts";
import { requestCancel } from "./cancel.ts";
import { claimExecutions } from "./claim.ts";
import { settleOutcomes } from "./settle.ts";

/** Executions that run, and the report of each success. */
async function running(
  { sql }: TestDb,
  seed: ActionSeed = {},
  { count = 1, attempt = 1 } = {},
): Promise<OutcomeReport[]> {
  const worker = await aWorker(sql);
  const action = await anAction(sql, seed);
  const ids = await executions(sql, action, count);
  await sql`update execution set attempt = ${attempt} where id = any(${ids}::bigint[])`;
  await schedule(sql, ...ids);
  const { claimed } = await claimExecutions(
    sql,
    worker,
    ids.map((id) => ({ id, attempt })),
  );
  return claimed.map((row) => ({
    id: row.id,
    attempt: row.attempt,
    lease: row.lease_token,
    worker_id: worker,
    status: "completed",
    reason: null,
    result: { succeeded: true, exit_code: 0, duration_ms: 3 },
    isolation: null,
    usage: null,
    logs: [],
  }));
}

function failed(
  report: OutcomeReport,
  reason: OutcomeReport["reason"] = "error",
): OutcomeReport {
  return {
    ...report,
    status: "failed",
    reason,
    result: { succeeded: false, exit_code: 1, error: "no" },
  };
}

Deno.test("settleOutcomes() ends attempts as reported, once", async () => {
  await using db = await testDb();
  const { sql } = db;
  const [good, bad] = await running(db, {}, { count: 2 }) as [
    OutcomeReport,
    OutcomeReport,
  ];
  good.isolation = { level: "none", policy: "off", layers: {}, degraded: [] };
  good.usage = { cpu_ms: 5 };
  const first = await settleOutcomes(sql, [good, failed(bad, "oom")]);
  assert.deepEqual(
    first.changes.map((c) => [c.id, c.old_status, c.status, c.reason]),
    [[good.id, "running", "completed", null], [
      bad.id,
      "running",
      "failed",
      "oom",
    ]],
  );
  assert.deepEqual(first.requested, []);
  const again = await settleOutcomes(sql, [failed(good), good, bad]);
  assert.deepEqual(again, { changes: [], requested: [] });
  const [row] = await sql`
    select status, result::text as result, usage, isolation->>'level' as level, lease_token as lease,
      finished_at = updated as once from execution where id = ${good.id}`;
  assert.deepEqual({ ...row }, {
    status: "completed",
    result: '{"succeeded":true,"exit_code":0,"duration_ms":3}',
    usage: { cpu_ms: 5 },
    level: "none",
    lease: null,
    once: true,
  });
});

Deno.test("settleOutcomes() ignores a foreign lease, another attempt and what does not run", async () => {
  await using db = await testDb();
  const { sql } = db;
  const [report] = await running(db) as [OutcomeReport];
  const ignored = [
    { ...report, lease: crypto.randomUUID() },
    { ...report, attempt: 2 },
    { ...report, id: 999_999 },
  ];
  for (const one of ignored) {
    assert.deepEqual((await settleOutcomes(sql, [one])).changes, []);
  }
  const waiting = await anExecution(sql, await anAction(sql));
  const other = await settleOutcomes(sql, [{ ...report, id: waiting }]);
  assert.deepEqual(other.changes, []);
  assert.deepEqual(await settleOutcomes(sql, []), {
    changes: [],
    requested: [],
  });
});

Deno.test("settleOutcomes() keeps the real outcome of what was being cancelled, and never retries it", async () => {
  await using db = await testDb();
  const { sql } = db;
  const reports = await running(db, { retry: { max_attempts: 5 } }, {
    count: 3,
  }) as [OutcomeReport, OutcomeReport, OutcomeReport];
  for (const { id } of reports) await requestCancel(sql, id);
  const cancelled: OutcomeReport = {
    ...reports[2],
    status: "cancelled",
    reason: "cancelled",
    result: { succeeded: false, cancelled: true },
  };
  const { changes, requested } = await settleOutcomes(sql, [
    reports[0],
    failed(reports[1]),
    cancelled,
  ]);
  assert.deepEqual(
    changes.map((c) => [c.old_status, c.status]),
    [["canceling", "completed"], ["canceling", "failed"], [
      "canceling",
      "cancelled",
    ]],
  );
  assert.deepEqual(requested, []);
});

Deno.test("settleOutcomes() retries what the policy names, within its attempts, and never a final reason", async () => {
  await using db = await testDb();
  const { sql } = db;
  const cases: {
    seed: ActionSeed;
    attempt?: number;
    reasons: OutcomeReport["reason"][];
    retried: boolean;
  }[] = [
    {
      seed: { retry: { max_attempts: 2 } },
      reasons: [
        "error",
        "signal",
        "timed_out",
        "oom",
        "resource_limit",
        "invalid_output",
        "env_setup_failed",
        "secret_unavailable",
        "runtime_missing",
        "spawn_failed",
      ],
      retried: true,
    },
    {
      seed: { retry: { max_attempts: 2 } },
      reasons: [
        "no_worker",
        "sandbox",
        "entry_point_missing",
        "not_executable",
        "invalid_parameters",
        "cancelled",
      ],
      retried: false,
    },
    {
      seed: { retry: { max_attempts: 2 } },
      attempt: 2,
      reasons: ["error", "timed_out"],
      retried: false,
    },
    {
      seed: { retry: { max_attempts: 2, on: ["timed_out"] } },
      reasons: ["error"],
      retried: false,
    },
    {
      seed: { retry: { max_attempts: 2, on: ["timed_out"] } },
      reasons: ["timed_out"],
      retried: true,
    },
    {
      seed: { retry: { max_attempts: 2, on: ["failed"] } },
      reasons: ["timed_out"],
      retried: false,
    },
    {
      seed: { retry: { max_attempts: 2, on: ["lost"] } },
      reasons: ["error", "timed_out"],
      retried: false,
    },
    { seed: {}, reasons: ["error", "timed_out"], retried: false },
    { seed: { idempotent: true }, reasons: ["error"], retried: false },
  ];
  const named = new Set(cases.flatMap((c) => c.reasons));
  assert.deepEqual(REASONS.filter((r) => !named.has(r)), ["lost"]);
  for (const { seed, attempt = 1, reasons, retried } of cases) {
    for (const reason of reasons) {
      const [report] = await running(db, seed, { attempt });
      const { requested } = await settleOutcomes(sql, [
        failed(report!, reason),
      ]);
      assert.equal(
        requested.length,
        retried ? 1 : 0,
        `${JSON.stringify(seed)} ${reason}`,
      );
    }
  }
  const [cancelled] = await running(db, { retry: { max_attempts: 9 } });
  const answer = await settleOutcomes(sql, [
    { ...failed(cancelled!, "cancelled"), status: "cancelled" },
  ]);
  assert.deepEqual(answer.requested, []);
});

Deno.test("settleOutcomes() makes the next attempt a row of its own that repeats the first", async () => {
  await using db = await testDb();
  const { sql } = db;
  const [report] = await running(db, { retry: { max_attempts: 3, delay: 0 } });
  await sql`
    update execution set config = '{"b": 1, "a": 2}', executor = 7, parent = 8, enforcement = 9, rule_ref = 'r.r',
      trigger_ref = 't.t', worker_selector = '{"zone": "eu"}', timeout_seconds = 4,
      permission_set_refs = array['standard'], artifact_retention_policy = 'days', artifact_retention_limit = 2,
      workflow_task = '{"x": 1}'`;
  const { changes, requested } = await settleOutcomes(sql, [failed(report!)]);
  const id = requested[0]!.id;
  assert.equal(requested[0]!.inMs, 0);
  assert.deepEqual(
    changes.map((
      c,
    ) => [c.id, c.old_status, c.status, c.attempt, c.original_execution]),
    [[report!.id, "running", "failed", 1, null], [
      id,
      undefined,
      "requested",
      2,
      report!.id,
    ]],
  );
  const copied = () =>
    sql`
    select action, action_ref, config::text, env_vars, executor, parent, enforcement, rule_ref, trigger_ref, worker_selector,
      timeout_seconds, permission_set_refs, artifact_retention_policy, artifact_retention_limit, workflow_task
    from execution order by id`;
  const [one, two] = await copied();
  assert.deepEqual({ ...two }, { ...one });
  await schedule(sql, id);
  const { claimed } = await claimExecutions(sql, report!.worker_id, [{
    id,
    attempt: 2,
  }]);
  assert.equal(claimed[0]!.chain_id, report!.id);
  const third = await settleOutcomes(sql, [
    failed({ ...report!, id, attempt: 2, lease: claimed[0]!.lease_token }),
  ]);
  const last = third.changes.find((c) => c.status === "requested");
  assert.deepEqual([last?.attempt, last?.original_execution], [3, report!.id]);
});

Deno.test("settleOutcomes() waits before the next attempt as the back-off says", async () => {
  await using db = await testDb();
  const { sql } = db;
  const table: [ActionSeed["retry"], attempt: number, seconds: number][] = [
    [{ max_attempts: 100 }, 1, 1],
    [{ max_attempts: 100, delay: 0 }, 50, 0],
    [{ max_attempts: 100, delay: 7 }, 4, 7],
    [{ max_attempts: 100, delay: 2, backoff: "exponential" }, 1, 2],
    [{ max_attempts: 100, delay: 2, backoff: "exponential" }, 2, 4],
    [{ max_attempts: 100, delay: 2, backoff: "exponential" }, 5, 32],
    [{ max_attempts: 100, delay: 2, backoff: "exponential" }, 20, 300],
    [{ max_attempts: 100, delay: 2, backoff: "exponential" }, 99, 300],
    [{ max_attempts: 100, delay: 500, max_delay: 60 }, 1, 60],
    [{ max_attempts: 100, delay: 0.25 }, 1, 0.25],
  ];
  for (const [retry, attempt, seconds] of table) {
    const [report] = await running(db, { retry: retry! }, { attempt });
    const { requested } = await settleOutcomes(sql, [failed(report!)]);
    assert.equal(requested.length, 1);
    assert.equal(requested[0]!.inMs, seconds * 1_000, JSON.stringify(retry));
    const [row] = await sql`
      select extract(epoch from due_at - created)::float8 as wait from execution where id = ${
      requested[0]!.id
    }`;
    assert.equal(row!.wait, seconds);
  }
});

Deno.test("settleOutcomes() keeps the log that came along, and one artifact version per stream", async () => {
  await using db = await testDb();
  const { sql } = db;
  const [both, none, chunked] = await running(db, { ref: "acme.sync" }, {
    count: 3,
  }) as [OutcomeReport, OutcomeReport, OutcomeReport];
  await sql`insert into execution_log (execution, attempt, stream, start_offset, data)
    values (${chunked.id}, 1, 'stdout', 0, 'chunk one, ')`;
  both.logs = [
    { stream: "stdout", offset: 0, data: btoa("hello\n") },
    { stream: "stdout", offset: 6, data: btoa("world\n") },
    { stream: "stderr", offset: 0, data: btoa("oops") },
  ];
  none.logs = [{ stream: "stdout", offset: 0, data: "" }];
  // The agent does not know that its chunk arrived, and sends its bytes again with those after it.
  chunked.logs = [{
    stream: "stdout",
    offset: 0,
    data: btoa("chunk one, two"),
  }];
  await settleOutcomes(sql, [both, none, chunked]);
  const text = await sql<{ execution: number; stream: string; text: string }[]>`
    select execution, stream, string_agg(convert_from(data, 'UTF8'), '' order by start_offset) as text
    from execution_log group by execution, stream order by execution, stream`;
  assert.deepEqual(text.map((t) => ({ ...t })), [
    { execution: both.id, stream: "stderr", text: "oops" },
    { execution: both.id, stream: "stdout", text: "hello\nworld\n" },
    { execution: chunked.id, stream: "stdout", text: "chunk one, two" },
  ]);
  const versions = await versionsOf(db);
  assert.deepEqual(versions, [
    {
      ref: "acme.sync.stderr.log",
      version: 1,
      execution: both.id,
      size_bytes: 4,
      log_stream: "stderr",
    },
    {
      ref: "acme.sync.stdout.log",
      version: 1,
      execution: both.id,
      size_bytes: 12,
      log_stream: "stdout",
    },
    {
      ref: "acme.sync.stdout.log",
      version: 2,
      execution: chunked.id,
      size_bytes: 14,
      log_stream: "stdout",
    },
  ]);
  const [artifact] =
    await sql`select scope, owner, type, visibility, retention_policy, retention_limit
    from artifact where ref = 'acme.sync.stdout.log'`;
  assert.deepEqual({ ...artifact }, {
    scope: "action",
    owner: "acme.sync",
    type: "file_text",
    visibility: "private",
    retention_policy: "days",
    retention_limit: 7,
  });
});

Deno.test("settleOutcomes() keeps logs as long as the action says", async () => {
  await using db = await testDb();
  const [report] = await running(db, {
    ref: "acme.brief",
    logRetention: ["hours", 3],
  });
  report!.result.stdout_log = "acme.brief.stdout.log";
  await db
    .sql`insert into execution_log (execution, attempt, stream, start_offset, data)
    values (${report!.id}, 1, 'stdout', 0, '12345')`;
  await settleOutcomes(db.sql, [report!]);
  const [artifact] = await db
    .sql`select retention_policy, retention_limit from artifact`;
  assert.deepEqual({ ...artifact }, {
    retention_policy: "hours",
    retention_limit: 3,
  });
  assert.equal((await versionsOf(db))[0]!.size_bytes, 5);
});

Deno.test("settleOutcomes() numbers log versions without gaps when many settle at once", async () => {
  await using db = await testDb();
  const { sql } = db;
  await sql`insert into artifact (ref, scope, owner, type) values ('acme.busy.stdout.log', 'action', 'acme.busy', 'file_text')`;
  await sql`insert into artifact_version (artifact, version) select id, 3 from artifact`;
  const reports = await running(db, { ref: "acme.busy" }, { count: 60 });
  for (const report of reports) {
    report.logs = [
      { stream: "stdout", offset: 0, data: btoa("x") },
      { stream: "stderr", offset: 0, data: btoa("y") },
    ];
  }
  const groups = Array.from(
    { length: 12 },
    (_, n) => reports.slice(n * 5, n * 5 + 5),
  );
  await Promise.all(groups.map((group) => settleOutcomes(sql, group)));
  for (const [stream, first] of [["stdout", 4], ["stderr", 1]] as const) {
    const numbers = (await versionsOf(db)).filter((v) =>
      v.log_stream === stream
    )
      .map((v) => v.version);
    assert.deepEqual(numbers, Array.from({ length: 60 }, (_, n) => n + first));
  }
});

async function versionsOf({ sql }: TestDb) {
  const rows = await sql<
    {
      ref: string;
      version: number;
      execution: number;
      size_bytes: number;
      log_stream: string;
    }[]
  >`
    select a.ref, v.version, v.execution, v.size_bytes, v.log_stream
    from artifact_version v join artifact a on a.id = v.artifact
    where v.log_stream is not null order by a.ref, v.version`;
  return rows.map((row) => ({ ...row }));
}
