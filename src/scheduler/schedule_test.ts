// deno-lint-ignore-file no-await-in-loop -- cases follow each other
import assert from "node:assert/strict";
import {
  anAction,
  anExecution,
  aWorker,
  executions,
} from "../../tests/support/executions.ts";
import {
  outcomeOf,
  schedulerWorld,
  sendOutcomes,
  simulateAgent,
  stateOf,
} from "../../tests/support/scheduler_world.ts";
import { until } from "../../tests/support/until.ts";
import { requestCancel } from "../db/cancel.ts";
import { claimExecutions } from "../db/claim.ts";
import { NUDGE, QUEUE } from "../domain/changes.ts";
import { makeLog } from "../log.ts";
import { startScheduler } from "./schedule.ts";
import { silentLog } from "../log.ts";

Deno.test("startScheduler() brings a requested execution to its end and tells every step", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  const worker = await aWorker(sql);
  const action = await anAction(sql);
  await world.scheduler({ sweepMs: 60_000 });
  await using _agent = await simulateAgent(world, worker);
  const id = await anExecution(sql, action);
  bus.nudge(NUDGE.requested, { ids: [id] });
  await world.reached(id, "completed");
  await until("the last change", () => world.changes.length === 3);
  assert.deepEqual(
    world.changes.map((c) => [c.old_status, c.status]),
    [["requested", "scheduled"], ["scheduled", "running"], [
      "running",
      "completed",
    ]],
  );
});

Deno.test("startScheduler() finds pullers waiting for an action that never ran", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  const told: number[] = [];
  const worker = await aWorker(sql);
  using _watch = await bus.watch(
    NUDGE.agent(worker),
    () => void told.push(worker),
  );
  await anAction(sql);
  await world.scheduler();
  const keysOf = async () =>
    (await sql`select key from worker_requirement where worker = ${worker}`)
      .length;
  assert.equal(await keysOf(), 1);
  await until("the agent to be told", () => told.length > 0);
  await anAction(sql, { runtimeVersion: "5" });
  await anAction(sql, { runtime: "python" });
  bus.nudge(NUDGE.pack, { ref: "x", hash: "y" });
  await until("the second key", async () => await keysOf() === 2);
  await sql`update worker set cordoned = true`;
  bus.nudge(NUDGE.fleet, {});
  await until("no keys for a cordoned agent", async () => await keysOf() === 0);
});

Deno.test("startScheduler() fails what can never run, and says why", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  await aWorker(sql, { runtimes: { python: ["3.11.9", "3.12.4"] } });
  await aWorker(sql, { role: "sensor", runtimes: { shell: ["5.2.0"] } });
  const old = await anAction(sql, {
    runtime: "python",
    runtimeVersion: ">=3.14",
  });
  const disabled = await anAction(sql, { enabled: false });
  const off = await anAction(sql, { ref: "off.act", packEnabled: false });
  const workflow = await anAction(sql, { workflow: "w.yaml", runtime: null });
  const deleted = await anAction(sql);
  const shell = await anAction(sql, { selector: { zone: "eu" } });
  const table: [{ id: number; ref: string }, reason: string, error: string][] =
    [
      [
        old,
        "no_worker",
        "no agent offers python >=3.14 (offered: 3.11.9, 3.12.4)",
      ],
      [shell, "no_worker", "no agent offers shell; no agent has label zone=eu"],
      [
        disabled,
        "error",
        `Action ${disabled.ref} is disabled; enable it to run it`,
      ],
      [off, "error", "Pack off is disabled; enable it to run off.act"],
      [
        workflow,
        "error",
        `Action ${workflow.ref} is a workflow, and workflows cannot be run yet`,
      ],
      [
        deleted,
        "error",
        `Action ${deleted.ref} was deleted before the execution could start`,
      ],
    ];
  const ids = await Promise.all(
    table.map(([action]) => anExecution(sql, action)),
  );
  await sql`delete from action where id = ${deleted.id}`;
  await world.scheduler({ sweepMs: 60_000 });
  bus.nudge(NUDGE.requested, { ids });
  for (const [n, [action, reason, error]] of table.entries()) {
    const row = await world.reached(ids[n]!, "failed");
    assert.deepEqual([row.reason, row.error], [reason, error], action.ref);
  }
});

Deno.test("startScheduler() lets executions wait for agents that are away, and runs them when they come", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  const action = await anAction(sql);
  const placed = { selector: { zone: "eu" } };
  await world.scheduler({ sweepMs: 60_000 });
  const waits = (id: number, text: RegExp) =>
    until(
      `${text}`,
      async () => text.test((await stateOf(sql, id)).waiting_for ?? ""),
    );

  const [first, ...more] = await executions(sql, action, 250);
  const override = await anExecution(sql, action, placed);
  bus.nudge(NUDGE.requested, { ids: [first, ...more, override] });
  await waits(first!, /^an agent: none is registered$/);
  await waits(override, /^an agent: none is registered$/);

  const worker = await aWorker(sql, {
    name: "slow",
    labels: { zone: "eu" },
    cordoned: true,
  });
  bus.nudge(NUDGE.fleet, {});
  const late = await anExecution(sql, action);
  bus.nudge(NUDGE.requested, { ids: [late] });
  await waits(late, /^a suitable agent: slow is cordoned$/);
  assert.deepEqual((await stateOf(sql, late)).status, "requested");

  await using agent = await simulateAgent(world, worker);
  await sql`update worker set cordoned = false`;
  bus.nudge(NUDGE.fleet, {});
  await until(
    "all to run",
    async () =>
      (await sql`select from execution where status <> 'completed'`).length ===
        0,
  );
  assert.equal(agent.claimed.length, 252);
  assert.equal((await stateOf(sql, late)).waiting_for, null);
});

Deno.test("startScheduler() notices by itself that an agent returned, fell silent or vanished", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  const worker = await aWorker(sql, { name: "w", silentFor: 60 });
  const action = await anAction(sql);
  await world.scheduler({ sweepMs: 20 });
  const id = await anExecution(sql, action);
  bus.nudge(NUDGE.requested, { ids: [id] });
  await until(
    "waiting",
    async () =>
      (await stateOf(sql, id)).waiting_for === "a suitable agent: w is silent",
  );
  await sql`update worker set last_heartbeat = now()`;
  await world.reached(id, "scheduled");
  await sql`update worker set last_heartbeat = now() - interval '1 minute'`;
  await until(
    "no keys",
    async () => (await sql`select from worker_requirement`).length === 0,
  );

  const next = await anExecution(sql, action);
  bus.nudge(NUDGE.requested, { ids: [next] });
  await until(
    "waiting",
    async () => (await stateOf(sql, next)).waiting_for !== null,
  );
  await aWorker(sql, { runtimes: { node: ["20.1.0"] } });
  await sql`delete from worker where id = ${worker}`;
  const row = await world.reached(next, "failed");
  assert.deepEqual([row.reason, row.error], [
    "no_worker",
    "no agent offers shell",
  ]);
});

Deno.test("startScheduler() fails what nobody took within the queue timeout", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  await aWorker(sql, { name: "busy" });
  await aWorker(sql, {
    name: "away",
    runtimes: { python: ["3.12.0"] },
    cordoned: true,
  });
  const queued = await anAction(sql);
  const waiting = await anAction(sql, { runtime: "python" });
  await world.scheduler({ sweepMs: 20, queueTimeoutS: 1 });
  const ids = [
    await anExecution(sql, queued),
    await anExecution(sql, waiting),
  ] as const;
  bus.nudge(NUDGE.requested, { ids });
  await world.reached(ids[0], "scheduled");
  await until(
    "waiting",
    async () => (await stateOf(sql, ids[1])).waiting_for !== null,
  );
  await sql`update execution set due_at = due_at - interval '1 hour', scheduled_at = scheduled_at - interval '1 hour'`;
  const expected = [
    "no agent took it within 1 s: every suitable agent stayed busy or away",
    "no agent took it within 1 s: it waited for a suitable agent: away is cordoned",
  ];
  for (const [n, id] of ids.entries()) {
    const row = await world.reached(id, "failed");
    assert.deepEqual([row.reason, row.error], ["no_worker", expected[n]]);
    assert.equal(row.waiting_for, null);
  }
});

Deno.test("startScheduler() does not end anything while the control plane is just back", async () => {
  await using world = await schedulerWorld();
  const { sql } = world;
  await sql`update service set started_at = now()`;
  const worker = await aWorker(sql);
  const action = await anAction(sql);
  const [lost, late] = await executions(sql, action, 2) as [number, number];
  await world.scheduler({
    sweepMs: 20,
    leaseMs: 5_000,
    silentMs: 15_000,
    queueTimeoutS: 5,
  });
  await world.reached(late, "scheduled");
  await claimExecutions(sql, worker, [{ id: lost, attempt: 1 }]);
  await sql`update execution set scheduled_at = now() - interval '1 hour',
    lease_until = lease_until - interval '1 hour'`;
  const rounds = async () =>
    (await sql<{ held_until: string }[]>`select held_until from service_lease`)[
      0
    ]!.held_until;
  const before = await rounds();
  await until("some rounds", async () => await rounds() > before);
  await until("a later round", async () => await rounds() > before);
  assert.equal((await stateOf(sql, lost)).status, "running");
  assert.equal((await stateOf(sql, late)).status, "scheduled");
  await sql`update service set started_at = now() - interval '1 hour'`;
  await world.reached(lost, "abandoned");
  await world.reached(late, "failed");
});

Deno.test("startScheduler() gives a lost attempt to the next agent", async () => {
  await using world = await schedulerWorld();
  const { sql } = world;
  const dying = await aWorker(sql);
  const action = await anAction(sql, { idempotent: true });
  await world.scheduler({ sweepMs: 20, leaseMs: 1, silentMs: 15_000 });
  const id = await anExecution(sql, action);
  {
    await using _dies = await simulateAgent(world, dying, () => undefined);
    await world.reached(id, "running");
  }
  await using agent = await simulateAgent(world, await aWorker(sql));
  await sql`update execution set lease_until = now() - interval '1 s'`;
  const row = await world.reached(id, "completed");
  assert.deepEqual([row.attempt, row.dispatches], [2, 2]);
  assert.equal(agent.claimed[0]!.attempt, 2);
});

Deno.test("startScheduler() sends work again that is missing from its queue", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  const worker = await aWorker(sql);
  const action = await anAction(sql);
  await world.scheduler({ sweepMs: 20, resendMs: 50 });
  const [key] = await sql<
    { key: string }[]
  >`select key from worker_requirement`;
  const ids = await executions(sql, action, 30);
  bus.nudge(NUDGE.requested, { ids });
  await until(
    "all in the queue",
    async () => await bus.depth(QUEUE.work(key!.key)) === 30,
  );
  {
    await using thief = bus.take(QUEUE.work(key!.key));
    thief.want(7);
    for (let taken = 0; taken < 7;) {
      for (const delivery of await thief.next() ?? []) {
        delivery.ack();
        taken++;
      }
    }
  }
  await using agent = await simulateAgent(world, worker);
  await until(
    "all to run",
    async () =>
      (await sql`select from execution where status <> 'completed'`).length ===
        0,
  );
  assert.deepEqual(
    agent.claimed.map((row) => row.id).sort((a, b) => a - b),
    ids,
  );
});

Deno.test("startScheduler() finds executions nobody told it of", async () => {
  await using world = await schedulerWorld();
  const { sql } = world;
  const worker = await aWorker(sql);
  const ids = await executions(sql, await anAction(sql), 350);
  await using _agent = await simulateAgent(world, worker);
  await world.scheduler({ sweepMs: 60_000 });
  await until(
    "all to run",
    async () =>
      (await sql`select from execution where status = 'completed'`).length ===
        ids.length,
  );
});

Deno.test("startScheduler() starts the next attempt when it is due, and not before", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  const worker = await aWorker(sql);
  const action = await anAction(sql, {
    retry: { max_attempts: 3, delay: 0.3 },
  });
  await world.scheduler({ sweepMs: 60_000 });
  await using agent = await simulateAgent(
    world,
    worker,
    (row) =>
      row.attempt === 3 ? {} : {
        status: "failed",
        reason: "error",
        result: { succeeded: false, exit_code: 1, error: "not yet" },
      },
  );
  const id = await anExecution(sql, action);
  bus.nudge(NUDGE.requested, { ids: [id] });
  await until("the third attempt", () => agent.claimed.length === 3);
  const last = agent.claimed[2]!;
  await world.reached(last.id, "completed");
  assert.deepEqual(agent.claimed.map((row) => [row.attempt, row.chain_id]), [
    [1, id],
    [2, id],
    [3, id],
  ]);
  const [row] = await sql<{ early: number; late: number }[]>`
    select min(extract(epoch from scheduled_at - due_at))::float8 as early,
      max(extract(epoch from scheduled_at - due_at))::float8 as late
    from execution where attempt > 1`;
  assert.ok(
    row!.early >= 0 && row!.late < 10,
    "by a timer, as the sweep is a minute away",
  );
});

Deno.test("startScheduler() drops a retry that is cancelled while it waits", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  const worker = await aWorker(sql);
  await world.scheduler({ sweepMs: 20 });
  const action = await anAction(sql, {
    retry: { max_attempts: 2, delay: 3600, max_delay: 3600 },
  });
  await using _agent = await simulateAgent(world, worker, () => ({
    status: "failed",
    reason: "error",
    result: { succeeded: false },
  }));
  const id = await anExecution(sql, action);
  bus.nudge(NUDGE.requested, { ids: [id] });
  const next = await until(
    "the retry row",
    async () =>
      (await sql<
        { id: number }[]
      >`select id from execution where original_execution = ${id}`)[0],
  );
  assert.equal((await requestCancel(sql, next.id))?.status, "cancelled");
  await sql`update execution set due_at = now() where id = ${next.id}`;
  const other = await anExecution(sql, action);
  await world.reached(other, "failed");
  assert.equal((await stateOf(sql, next.id)).status, "cancelled");
});

Deno.test("startScheduler() settles the good outcomes beside a poisoned one, and ends that too", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  const lines: string[] = [];
  const log = makeLog({
    level: "error",
    format: "text",
    write: (line) => lines.push(line),
  });
  const worker = await aWorker(sql);
  const action = await anAction(sql);
  const ids = await executions(sql, action, 5);
  await sql`update execution set status = 'scheduled', scheduled_at = now()`;
  const { claimed } = await claimExecutions(
    sql,
    worker,
    ids.map((id) => ({ id, attempt: 1 })),
  );
  const outcomes = claimed.map((row) => outcomeOf(row));
  // jsonb cannot hold a NUL.
  outcomes[2]!.isolation = {
    level: "none",
    policy: null,
    layers: {},
    degraded: ["\u0000"],
  };
  await bus.openQueue(QUEUE.outcome);
  await bus.send(QUEUE.outcome, [{ id: "x", body: { nonsense: true } }, {
    id: "y",
    body: null,
  }]);
  await sendOutcomes(bus, ...outcomes, outcomes[0]!);
  await world.scheduler({}, log);
  for (const [n, id] of ids.entries()) {
    const row = await world.reached(id, n === 2 ? "failed" : "completed");
    if (n === 2) {
      assert.match(row.error ?? "", /^The outcome could not be stored: /);
    }
  }
  await until(
    "all acknowledged",
    async () => await bus.depth(QUEUE.outcome) === 0,
  );
  assert.equal(lines.filter((line) => line.includes("malformed")).length, 2);
});

Deno.test("startScheduler() treats an attempt that its agent gave up as lost, and keeps its last words", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  const worker = await aWorker(sql);
  const again = await anAction(sql, { idempotent: true });
  const once = await anAction(sql);
  await world.scheduler({ sweepMs: 60_000 });
  await using agent = await simulateAgent(
    world,
    worker,
    (row) =>
      row.attempt === 2 ? {} : {
        worker_id: worker,
        status: "failed",
        reason: "lost",
        result: { succeeded: false, error: "stopping" },
        logs: [{ stream: "stdout", offset: 0, data: btoa("bye") }],
      },
  );
  const ids = [
    await anExecution(sql, again),
    await anExecution(sql, once),
  ] as const;
  bus.nudge(NUDGE.requested, { ids });
  await world.reached(ids[0], "completed");
  const row = await world.reached(ids[1], "abandoned");
  assert.equal(row.reason, "lost");
  const attempts = agent.claimed.filter((c) => c.id === ids[0]);
  assert.deepEqual(attempts.map((c) => c.attempt), [1, 2]);
  const words = await sql<{ log: string; versions: number }[]>`
    select convert_from(data, 'UTF8') as log, (
      select count(*) from artifact_version v where v.execution = l.execution) as versions
    from execution_log l where execution = ${ids[1]}`;
  assert.deepEqual(words.map((w) => ({ ...w })), [{ log: "bye", versions: 1 }]);
});

Deno.test("startScheduler() offers work to the most welcome agent until it piles up", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  const near = await aWorker(sql, { labels: { near: "1" } });
  const far = await aWorker(sql);
  const action = await anAction(sql, {
    affinity: {
      preferred: [{
        weight: 10,
        preference: { match_labels: { near: "1" }, match_expressions: [] },
      }],
    },
  });
  await world.scheduler({ sweepMs: 20 });
  const pullers = async () =>
    (await sql<
      { worker: number }[]
    >`select worker from worker_requirement order by worker`).map((r) =>
      r.worker
    );
  assert.deepEqual(await pullers(), [near]);
  const id = await anExecution(sql, action);
  bus.nudge(NUDGE.requested, { ids: [id] });
  await world.reached(id, "scheduled");
  await until(
    "the other agent to be asked",
    async () => (await pullers()).length === 2,
  );
  await using _agent = await simulateAgent(world, far);
  await world.reached(id, "completed");
  await until(
    "only the welcome one again",
    async () => (await pullers()).length === 1,
  );
});

Deno.test("startScheduler() disposes twice, and while work is under way", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  await aWorker(sql);
  const ids = await executions(sql, await anAction(sql), 500);
  const scheduler = await startScheduler({ sql, bus, log: silentLog });
  bus.nudge(NUDGE.requested, { ids });
  await world.reached(ids[0]!, "scheduled");
  await scheduler[Symbol.asyncDispose]();
  await scheduler[Symbol.asyncDispose]();
  assert.deepEqual([
    ...await sql`select id from service where role = 'scheduler'`,
  ], []);
  assert.deepEqual([...await sql`select * from service_lease`], []);
});
