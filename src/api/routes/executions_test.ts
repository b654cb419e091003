// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow one another
import assert from "node:assert/strict";
import {
  anAction,
  anExecution,
  type Answer,
  type ApiWorld,
  apiWorld,
  aWorker,
  changesOf,
  claimed,
  dispatched,
  settled,
} from "../../../tests/support/api_world.ts";
import { until } from "../../../tests/support/until.ts";
import { likePattern } from "../../db/execution_list.ts";

const BASE = "/api/v1/executions";

async function listed(t: ApiWorld, query: string): Promise<number[]> {
  const { items } = await t.json(200, "GET", `${BASE}?${query}`);
  return items.map((item: Answer) => item.id);
}

/** Rows as rules, retries and agents leave them. */
async function someRows(t: ApiWorld): Promise<number[]> {
  const rows = await t.sql<{ id: number }[]>`
    insert into execution (action_ref, status, finished_at, result, rule_ref, trigger_ref, executor,
      enforcement, parent, original_execution, created)
    values
      ('core.echo', 'completed', now(), '{"stdout":"100% Done"}', 'core.r1', 'core.t1', 1, 5, null, null, now() - interval '5 min'),
      ('core.echo2', 'failed', now(), '{"stdout":"a_b"}', 'coreXr1', 'core.t2', 2, 5, null, 1, now() - interval '4 min'),
      ('core.%', 'requested', null, '{}', null, null, 2, null, 1, null, now() - interval '3 min'),
      ('core2.echo', 'requested', null, '{}', null, null, 1, null, 1, null, now() - interval '2 min'),
      ('demo.back\\slash', 'cancelled', now(), '{}', null, null, 1, null, null, null, now() - interval '1 min')
    returning id`;
  return rows.map(({ id }) => id);
}

Deno.test("GET executions filters, with * as the only wildcard", async (test) => {
  await using t = await apiWorld();
  const [a, b, c, d, e] = await someRows(t) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const cases: [string, number[]][] = [
    ["", [e, d, c, b, a]],
    ["status=requested", [d, c]],
    ["action_ref=core.echo", [a]],
    ["action_ref=core.*", [c, b, a]],
    ["action_ref=*.echo", [d, a]],
    ["action_ref=*", [e, d, c, b, a]],
    ["action_ref=core.%25", [c]],
    ["action_ref=core.%25*", [c]],
    ["action_ref=core_*", []],
    ["action_ref=core._cho*", []],
    ["action_ref=*%5Cslash", [e]],
    ["action_ref=*%5C%5C*", []],
    ["action_ref=%27%20or%20true--", []],
    ["pack_name=core", [c, b, a]],
    ["pack_name=core2", [d]],
    ["pack_name=cor", []],
    ["pack_name=%25", []],
    ["rule_ref=core.r1", [a]],
    ["rule_ref=core.*", [a]],
    ["trigger_ref=core.t*", [b, a]],
    ["executor=2", [c, b]],
    ["enforcement=5", [b, a]],
    ["parent=1", [d, c]],
    ["original_execution=1", [b]],
    ["top_level_only=true", [e, b, a]],
    ["top_level_only=false", [e, d, c, b, a]],
    ["result_contains=DONE", [a]],
    ["result_contains=100%25", [a]],
    ["result_contains=a_B", [b]],
    ["result_contains=%25%25", []],
    ["executor=2&status=failed", [b]],
    ["nonsense=1&status=failed", [b]],
  ];
  for (const [query, ids] of cases) {
    await test.step(query, async () => {
      assert.deepEqual(await listed(t, query), ids);
    });
  }
});

Deno.test("GET executions refuses values that cannot be", async (test) => {
  await using t = await apiWorld();
  for (
    const query of [
      "status=done",
      "executor=me",
      "parent=-1",
      "top_level_only=yes",
      "include_total=1",
      "page=two",
      "per_page=x",
    ]
  ) {
    await test.step(query, async () => {
      const answer = await t.json(400, "GET", `${BASE}?${query}`);
      assert.equal(answer.code, "BAD_REQUEST");
    });
  }
  await t.json(401, "GET", BASE, { token: null });
});

Deno.test("GET executions pages, with totals only when asked", async () => {
  await using t = await apiWorld();
  const ids = (await someRows(t)).toReversed();
  const first = await t.json(200, "GET", `${BASE}?per_page=2`);
  assert.deepEqual(first.pagination, {
    page: 1,
    page_size: 2,
    has_previous: false,
    has_next: true,
  });
  const last = await t.json(
    200,
    "GET",
    `${BASE}?per_page=2&page=3&include_total=true`,
  );
  assert.deepEqual(last.items.map((i: Answer) => i.id), ids.slice(4));
  assert.deepEqual(last.pagination, {
    page: 3,
    page_size: 2,
    total_items: 5,
    total_pages: 3,
    has_previous: true,
    has_next: false,
  });
  const far = await t.json(200, "GET", `${BASE}?page=99&per_page=1000`);
  assert.deepEqual(far.items, []);
  assert.equal(far.pagination.page_size, 100);
  assert.deepEqual(Object.keys(first.items[0]).toSorted(), [
    "action_ref",
    "attempt",
    "created",
    "enforcement",
    "finished_at",
    "id",
    "original_execution",
    "parent",
    "reason",
    "rule_ref",
    "started_at",
    "status",
    "timeout_seconds",
    "trigger_ref",
    "updated",
    "workflow_task",
  ]);
});

Deno.test("GET executions by status, by enforcement and in numbers", async () => {
  await using t = await apiWorld();
  const [a, b, c, d] = await someRows(t);
  const of = async (path: string) =>
    (await t.json(200, "GET", `${BASE}/${path}`)).items.map((i: Answer) =>
      i.id
    );
  assert.deepEqual(await of("status/requested"), [d, c]);
  assert.deepEqual(await of("enforcement/5"), [b, a]);
  await t.json(400, "GET", `${BASE}/status/done`);
  const { pagination } = await t.json(200, "GET", `${BASE}/status/failed`);
  assert.equal(pagination.total_items, 1);
  const { data } = await t.json(200, "GET", `${BASE}/stats`);
  assert.deepEqual(data, {
    total: 5,
    completed: 1,
    failed: 1,
    running: 0,
    pending: 2,
    cancelled: 1,
    timeout: 0,
    abandoned: 0,
  });
});

Deno.test("GET execution says 404 before 403", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const id = await anExecution(t, "demo.hello");
  const token = await t.as([]);
  await t.json(404, "GET", `${BASE}/999`, { token });
  await t.json(403, "GET", `${BASE}/${id}`, { token });
  await t.json(400, "GET", `${BASE}/seven`);
  await t.json(400, "GET", `${BASE}/${id}?include_secret_values=1`);
});

Deno.test("POST cancel ends what has not started at once", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const ids = [
    await anExecution(t, "demo.hello"),
    await anExecution(t, "demo.hello"),
  ];
  await dispatched(t.sql, ids[1]!);
  using changes = await changesOf(t.bus);
  for (const id of ids) {
    const { data } = await t.json(200, "POST", `${BASE}/${id}/cancel`);
    assert.equal(data.status, "cancelled");
    assert.equal(data.reason, "cancelled");
    assert.match(data.result.error, /before execution started/);
    const again = await t.json(409, "POST", `${BASE}/${id}/cancel`);
    assert.match(again.error, /has ended/);
  }
  await until("the changes", () => changes.seen.length === 2);
  assert.deepEqual(changes.seen.map((c) => c.old_status), [
    "requested",
    "scheduled",
  ]);
});

Deno.test("POST cancel asks the agent of what runs, and is harmless twice", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const { id } = await claimed(t, worker, "demo.hello");
  let nudged = 0;
  using _watch = await t.bus.watch(`agent.${worker.worker_id}`, () => nudged++);
  for (let time = 0; time < 2; time++) {
    const { data } = await t.json(200, "POST", `${BASE}/${id}/cancel`, {
      body: {},
    });
    assert.equal(data.status, "canceling");
  }
  await until("the nudge", () => nudged > 0);
});

Deno.test("POST cancel needs its own permission", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const id = await anExecution(t, "demo.hello");
  const token = await t.as([{
    resource: "executions",
    actions: ["read", "update"],
  }]);
  await t.json(404, "POST", `${BASE}/999/cancel`, { token });
  await t.json(403, "POST", `${BASE}/${id}/cancel`, { token });
});

Deno.test("POST cancel and claim: exactly one of them has each execution", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const ids = await Promise.all(
    Array.from({ length: 20 }, () => anExecution(t, "demo.hello")),
  );
  await Promise.all(ids.map((id) => dispatched(t.sql, id)));
  const outcomes = await Promise.all(ids.map(async (id) => {
    const [cancel, claim] = await Promise.all([
      t.json(200, "POST", `${BASE}/${id}/cancel`),
      t.json(200, "POST", "/api/v1/agent/claim", {
        token: worker.token,
        body: { items: [{ id, attempt: 1, lease: crypto.randomUUID() }] },
      }),
    ]);
    return [cancel.data.status, claim.items[0].spec !== undefined];
  }));
  for (const [status, hasSpec] of outcomes) {
    assert.equal(status, hasSpec ? "canceling" : "cancelled");
  }
});

Deno.test("POST reschedule tells the scheduler again, of requested executions only", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const id = await anExecution(t, "demo.hello");
  await t
    .sql`update execution set waiting_for = 'a free slot', dispatches = 2 where id = ${id}`;
  const requested: number[] = [];
  using _watch = await t.bus.watch<{ ids: number[] }>(
    "requested",
    ({ ids }) => requested.push(...ids),
  );
  const { data } = await t.json(200, "POST", `${BASE}/${id}/reschedule`);
  assert.equal(data.execution.id, id);
  assert.equal(data.attempt_count, 2);
  assert.equal(data.last_attempt_at, null);
  assert.match(data.message, /a free slot/);
  await until("the nudge", () => requested.includes(id));
  await t
    .sql`update execution set status = 'cancelled', finished_at = now() where id = ${id}`;
  await t.json(409, "POST", `${BASE}/${id}/reschedule`);
  await t.json(404, "POST", `${BASE}/999/reschedule`);
});

Deno.test("GET execution shows sealed output to those who may decrypt", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello", {
    out_schema: { key: { type: "string", secret: true } },
  });
  const worker = await aWorker(t);
  const item = await claimed(t, worker, "demo.hello");
  const taker = t.bus.take<Answer>("outcome");
  taker.want(1);
  const { refused } = await t.json(200, "POST", "/api/v1/agent/outcomes", {
    token: worker.token,
    body: {
      outcomes: [{
        id: item.id,
        attempt: 1,
        lease: item.spec.lease,
        worker_id: 4711,
        status: "completed",
        reason: null,
        result: {
          succeeded: true,
          stdout: "hunter2",
          data: { key: "hunter2", n: 1 },
        },
        isolation: null,
        usage: null,
        logs: [],
      }],
    },
  });
  assert.deepEqual(refused, []);
  const [delivery] = (await taker.next())!;
  const outcome = delivery!.body;
  delivery!.ack();
  await taker[Symbol.asyncDispose]();
  assert.equal(outcome.worker_id, worker.worker_id);
  assert.ok(!JSON.stringify(outcome).includes("hunter2"));
  await settled(t.sql, item.id, outcome.result);
  const path = `${BASE}/${item.id}`;
  const { data } = await t.json(200, "GET", path);
  assert.deepEqual(data.result.data, {
    key: { $attune_secret: true, redacted: true },
    n: 1,
  });
  const open = await t.json(200, "GET", `${path}?include_secret_values=true`);
  assert.deepEqual(open.data.result.data, { key: "hunter2", n: 1 });
});

Deno.test("POST cancel takes no large body, whatever its type says", async () => {
  await using t = await apiWorld();
  const large = new Uint8Array(2 * 1024 * 1024 + 1);
  for (const type of ["application/octet-stream", "multipart/form-data"]) {
    await t.json(413, "POST", `${BASE}/1/cancel`, {
      body: large,
      headers: { "content-type": type },
    });
  }
});

Deno.test("likePattern() leaves nothing special but *", () => {
  assert.equal(likePattern("a*b"), "a%b");
  assert.equal(likePattern("a%_\\*"), "a\\%\\_\\\\%");
});
