// deno-lint-ignore-file no-await-in-loop -- cases follow each other
import assert from "node:assert/strict";
import {
  anAction,
  anExecution,
  aWorker,
  executions,
  schedule,
} from "../../tests/support/executions.ts";
import { testDb } from "../../tests/support/test_db.ts";
import { claimExecutions } from "./claim.ts";

Deno.test("claimExecutions() answers with all an attempt needs", async () => {
  await using db = await testDb();
  const { sql } = db;
  const action = await anAction(sql, {
    runtime: "python",
    runtimeVersion: "3.12",
    timeout: 7,
    retry: { max_attempts: 2, on: ["lost"] },
  });
  await sql`
    insert into runtime_version (runtime, version, position, is_default, execution_config)
    select id, v, p, v = '3.12', json_build_object('interpreter', v)
    from runtime, (values ('3.12', 1), ('3.11', 0)) as x (v, p) where ref = 'core.python'`;
  const worker = await aWorker(sql);
  const id = await anExecution(sql, action, { config: { z: 1, a: [true] } });
  await schedule(sql, id);

  const { claimed, changes } = await claimExecutions(sql, worker, [{
    id,
    attempt: 1,
  }]);
  const [row] = claimed;
  assert.ok(row);
  assert.match(row.lease_token, /^[0-9a-f-]{36}$/);
  assert.deepEqual(
    {
      chain: row.chain_id,
      ref: row.action_ref,
      config: JSON.stringify(row.config),
      env: row.env_vars,
      timeout: row.timeout_s,
      pack: [row.pack_ref, row.pack_version, row.content_hash],
      retry: row.retry?.on,
      constraint: row.runtime_version,
      runtime: row.runtime.ref,
      versions: row.runtime.versions,
    },
    {
      chain: id,
      ref: action.ref,
      config: '{"z":1,"a":[true]}',
      env: { A: "b" },
      timeout: 7,
      pack: [action.ref.split(".")[0], "1.2.3", "cafe"],
      retry: ["lost"],
      constraint: "3.12",
      runtime: "core.python",
      versions: [
        {
          version: "3.11",
          is_default: false,
          execution_config: { interpreter: "3.11" },
        },
        {
          version: "3.12",
          is_default: true,
          execution_config: { interpreter: "3.12" },
        },
      ],
    },
  );
  assert.deepEqual(
    changes.map((c) => [c.id, c.old_status, c.status, c.reason]),
    [[id, "scheduled", "running", null]],
  );
  const [stored] = await sql`
    select status, worker, started_at is not null as started, lease_token::text as lease,
      extract(epoch from lease_until - now())::float8 as left from execution where id = ${id}`;
  assert.deepEqual([stored!.status, stored!.worker, stored!.started], [
    "running",
    worker,
    true,
  ]);
  assert.equal(stored!.lease, row.lease_token);
  assert.ok(stored!.left > 10 && stored!.left <= 15);
});

Deno.test("claimExecutions() gives each attempt to one of many claimers", async () => {
  await using db = await testDb();
  const { sql } = db;
  const action = await anAction(sql);
  const workers = [await aWorker(sql), await aWorker(sql), await aWorker(sql)];
  const ids = await executions(sql, action, 60);
  await schedule(sql, ...ids);
  const items = ids.map((id) => ({ id, attempt: 1 }));
  const answers = await Promise.all(
    workers.map((worker, n) =>
      claimExecutions(sql, worker, n === 1 ? items.toReversed() : items)
    ),
  );
  const got = answers.flatMap((a) => a.claimed.map((c) => c.id));
  assert.deepEqual(got.sort((a, b) => a - b), ids);
});

Deno.test("claimExecutions() refuses what is not there for the taking", async () => {
  await using db = await testDb();
  const { sql } = db;
  const action = await anAction(sql);
  const worker = await aWorker(sql);
  const cordoned = await aWorker(sql, { cordoned: true });
  const [requested, scheduled] = await executions(sql, action, 2) as [
    number,
    number,
  ];
  await schedule(sql, scheduled);
  const cases: [number, { id: number; attempt: number }][] = [
    [worker, { id: requested, attempt: 1 }],
    [worker, { id: scheduled, attempt: 2 }],
    [worker, { id: 999_999, attempt: 1 }],
    [cordoned, { id: scheduled, attempt: 1 }],
    [888_888, { id: scheduled, attempt: 1 }],
  ];
  for (const [who, item] of cases) {
    const { claimed, changes } = await claimExecutions(sql, who, [item]);
    assert.deepEqual([claimed, changes], [[], []], JSON.stringify([who, item]));
  }
  assert.deepEqual(await claimExecutions(sql, worker, []), {
    claimed: [],
    changes: [],
  });
  const item = { id: scheduled, attempt: 1 };
  const twice = await claimExecutions(sql, worker, [item, item]);
  assert.equal(twice.claimed.length, 1);
});

Deno.test("claimExecutions() answers again to the worker and lease that have it already", async () => {
  await using db = await testDb();
  const { sql } = db;
  const action = await anAction(sql);
  const worker = await aWorker(sql);
  const other = await aWorker(sql);
  const [id] = await executions(sql, action, 1) as [number];
  await schedule(sql, id);
  const lease = crypto.randomUUID();
  const first = await claimExecutions(sql, worker, [{ id, attempt: 1, lease }]);
  const again = await claimExecutions(sql, worker, [{ id, attempt: 1, lease }]);
  assert.equal(first.claimed[0]!.lease_token, lease);
  assert.equal(first.changes.length, 1);
  assert.deepEqual(again, { claimed: first.claimed, changes: [] });
  for (
    const [who, item] of [
      [other, { id, attempt: 1, lease }],
      [worker, { id, attempt: 1, lease: crypto.randomUUID() }],
      [worker, { id, attempt: 1 }],
      [worker, { id, attempt: 2, lease }],
    ] as const
  ) {
    assert.deepEqual(await claimExecutions(sql, who, [item]), {
      claimed: [],
      changes: [],
    });
  }
});

Deno.test("claimExecutions() fails what can no longer run, and claims the rest", async () => {
  await using db = await testDb();
  const { sql } = db;
  const worker = await aWorker(sql);
  const gone = await anAction(sql);
  const odd = await anAction(sql, { runtime: "cobol" });
  const good = await anAction(sql, { runtime: "bash" });
  const ids = await Promise.all(
    [gone, odd, good].map((action) => anExecution(sql, action)),
  );
  await schedule(sql, ...ids);
  await sql`delete from action where id = ${gone.id}`;
  const { claimed, changes } = await claimExecutions(
    sql,
    worker,
    ids.map((id) => ({ id, attempt: 1 })),
  );
  assert.deepEqual(claimed.map((c) => [c.id, c.runtime.name]), [[
    ids[2],
    "shell",
  ]]);
  const rows = await sql<{ id: number; status: string; error: string }[]>`
    select id, status, result->>'error' as error from execution order by id`;
  const byId = new Map(rows.map((r) => [r.id, [r.status, r.error]]));
  assert.deepEqual(byId.get(ids[0]!), [
    "failed",
    "The action was deleted before the execution could start",
  ]);
  assert.deepEqual(byId.get(ids[1]!), [
    "failed",
    'No runtime is known by the name "cobol"; load the pack that brings it',
  ]);
  assert.equal(changes.filter((c) => c.status === "failed").length, 2);
});

Deno.test("claimExecutions() takes the core pack's runtime before others and auto.* last", async () => {
  await using db = await testDb();
  const { sql } = db;
  const worker = await aWorker(sql);
  const action = await anAction(sql, { runtime: "ml" });
  await sql`insert into runtime (ref, name, aliases) values ('auto.ml', 'ml', '{}')`;
  await sql`insert into pack (ref, label, version) values ('acme', 'Acme', '1')`;
  const claim = async () => {
    const id = await anExecution(sql, action);
    await schedule(sql, id);
    const { claimed } = await claimExecutions(sql, worker, [{
      id,
      attempt: 1,
    }]);
    return claimed[0]?.runtime.ref;
  };
  assert.equal(await claim(), "auto.ml");
  await sql`insert into runtime (ref, pack, pack_ref, name, aliases)
    select 'acme.conda', id, ref, 'conda', array['ml'] from pack where ref = 'acme'`;
  assert.equal(await claim(), "acme.conda");
  await sql`insert into runtime (ref, pack, pack_ref, name)
    select 'core.ml', id, ref, 'ml' from pack where ref = 'core'`;
  assert.equal(await claim(), "core.ml");
});
