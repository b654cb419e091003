// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow one another
import assert from "node:assert/strict";
import {
  anAction,
  anExecution,
  type Answer,
  type ApiWorld,
  apiWorld,
  aWorker,
  claimed,
} from "../../../tests/support/api_world.ts";
import { settleOutcomes } from "../../db/settle.ts";

const BASE = "/api/v1/artifacts";

interface Columns {
  scope?: string;
  owner?: string;
  type?: string;
  visibility?: string;
  name?: string;
}

async function anArtifact(t: ApiWorld, ref: string, a: Columns = {}) {
  const [row] = await t.sql<{ id: number }[]>`
    insert into artifact (ref, scope, owner, type, visibility, name)
    values (${ref}, ${a.scope ?? "action"}, ${a.owner ?? "demo.hello"},
      ${a.type ?? "file_text"}, ${a.visibility ?? "private"}, ${a.name ?? null})
    returning id`;
  return row!.id;
}

/** An execution that printed, settled as the scheduler does it. */
async function finished(t: ApiWorld, ref: string, stdout: Uint8Array) {
  const worker = await aWorker(t, { name: crypto.randomUUID() });
  const item = await claimed(t, worker, ref);
  await settleOutcomes(t.sql, [{
    id: item.id,
    attempt: 1,
    lease: item.spec.lease,
    worker_id: worker.worker_id,
    status: "completed",
    reason: null,
    result: { succeeded: true, exit_code: 0, duration_ms: 1 },
    isolation: null,
    usage: null,
    logs: [{
      stream: "stdout",
      offset: 0,
      data: stdout.toBase64(),
    }],
  }]);
  return item.id as number;
}

Deno.test("GET artifacts filters and pages, newest first", async (test) => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const a = await anArtifact(t, "x.a", { name: "100% Report" });
  const b = await anArtifact(t, "x.b", { type: "url", visibility: "public" });
  const c = await anArtifact(t, "x.c", { scope: "pack", owner: "demo" });
  const execution = await anExecution(t, "demo.hello");
  await t.sql`insert into artifact_version (artifact, version, execution)
    values (${a}, 1, ${execution}), (${a}, 2, ${execution})`;
  const cases: [string, number[]][] = [
    ["", [c, b, a]],
    ["type=url", [b]],
    ["visibility=public", [b]],
    ["scope=pack", [c]],
    ["owner=demo", [c]],
    ["name=REPORT", [a]],
    ["name=%25%20r", [a]],
    ["name=_", []],
    [`execution=${execution}`, [a]],
    ["per_page=1&page=2", [b]],
  ];
  for (const [query, ids] of cases) {
    await test.step(query, async () => {
      const { items, pagination } = await t.json(
        200,
        "GET",
        `${BASE}?${query}`,
      );
      assert.deepEqual(items.map((i: Answer) => i.id), ids);
      assert.ok(pagination.total_items >= ids.length);
    });
  }
  for (const query of ["type=folder", "scope=x", "execution=a", "page=x"]) {
    await t.json(400, "GET", `${BASE}?${query}`);
  }
  const { data } = await t.json(
    200,
    "GET",
    `/api/v1/executions/${execution}/artifacts`,
  );
  assert.deepEqual(data.map((i: Answer) => i.id), [a]);
  await t.json(404, "GET", "/api/v1/executions/999/artifacts");
});

Deno.test("GET artifact hides what the caller may not see", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  await anAction(t.sql, "std.hello");
  await t.sql`update pack set is_standard = true where ref = 'std'`;
  const ids = {
    open: await anArtifact(t, "x.open", { visibility: "public" }),
    pack: await anArtifact(t, "x.pack"),
    standard: await anArtifact(t, "x.standard", { owner: "std.hello" }),
    system: await anArtifact(t, "x.system", { scope: "system", owner: "" }),
    someones: await anArtifact(t, "x.someones", {
      scope: "identity",
      owner: "999999",
    }),
  };
  const seen = async (token: string) => {
    const { items } = await t.json(200, "GET", BASE, { token });
    const listed = items.map((i: Answer) => i.id);
    for (const id of Object.values(ids)) {
      const status = listed.includes(id) ? 200 : 404;
      await t.json(status, "GET", `${BASE}/${id}`, { token });
      await t.json(status, "GET", `${BASE}/${id}/versions`, { token });
    }
    return Object.entries(ids).filter(([, id]) => listed.includes(id))
      .map(([name]) => name);
  };
  assert.deepEqual(await seen(await t.as([])), ["standard"]);
  assert.deepEqual(
    await seen(await t.as([{ resource: "artifacts", actions: ["read"] }])),
    ["open", "standard"],
  );
  assert.deepEqual(
    await seen(await t.as([{ resource: "packs", actions: ["read"] }])),
    // What is public is never less visible than it would be in private.
    ["open", "pack", "standard"],
  );
  await t.sql`update pack set owner_identity = 1 where ref = 'demo'`;
  assert.deepEqual(await seen(t.admin), ["open", "standard"]);
});

Deno.test("GET artifact shows all its fields, and its versions", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const id = await anArtifact(t, "x.data", { type: "other" });
  await t.json(404, "GET", `${BASE}/${id}/versions/latest`);
  await t
    .sql`insert into artifact_version (artifact, version, content_json, content_type)
    values (${id}, 1, '{"z":1,"a":2}', 'application/json'), (${id}, 2, null, null)`;
  const { data } = await t.json(200, "GET", `${BASE}/ref/x.data`);
  assert.deepEqual({ ...data, created: "", updated: "" }, {
    id,
    ref: "x.data",
    type: "other",
    visibility: "private",
    name: null,
    content_type: null,
    size_bytes: null,
    scope: "action",
    owner: "demo.hello",
    retention_policy: "versions",
    retention_limit: 5,
    description: null,
    data: null,
    created: "",
    updated: "",
  });
  const latest = await t.json(200, "GET", `${BASE}/${id}/versions/latest`);
  assert.equal(latest.data.version, 2);
  const one = (await t.json(200, "GET", `${BASE}/${id}/versions/1`)).data;
  assert.deepEqual({ ...one, id: 0, created: "" }, {
    id: 0,
    artifact: id,
    version: 1,
    execution: null,
    content_type: "application/json",
    size_bytes: null,
    file_path: null,
    created_by: null,
    content_json: { z: 1, a: 2 },
    meta: null,
    created: "",
  });
  const down = await t.ask("GET", `${BASE}/${id}/versions/1/download`);
  assert.equal(await down.text(), '{"z":1,"a":2}');
  assert.equal(
    down.headers.get("content-disposition"),
    'attachment; filename="x_data_v1.json"',
  );
  await t.json(404, "GET", `${BASE}/${id}/versions/3`);
  await t.json(404, "GET", `${BASE}/${id}/download`);
  await t.json(400, "GET", `${BASE}/${id}/versions/first`);
  await t.json(404, "GET", `${BASE}/ref/x.nothing`);
});

Deno.test("download of a log gives its exact bytes", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const long = new Uint8Array(1_500_000).map((_, i) => i * 7);
  await finished(t, "demo.hello", bytes);
  await finished(t, "demo.hello", long);
  const { data } = await t.json(
    200,
    "GET",
    `${BASE}/ref/demo.hello.stdout.log`,
  );
  assert.equal(data.type, "file_text");
  for (const [version, expected] of [[1, bytes], [2, long]] as const) {
    const answer = await t.ask(
      "GET",
      `${BASE}/${data.id}/versions/${version}/download`,
    );
    assert.equal(answer.status, 200);
    const got = new Uint8Array(await answer.arrayBuffer());
    assert.equal(got.length, expected.length);
    assert.ok(got.every((byte, i) => byte === expected[i]));
    assert.equal(
      answer.headers.get("content-disposition"),
      `attachment; filename="demo_hello_stdout_log_v${version}.log"`,
    );
  }
});

Deno.test("download of a log that may hold secrets needs the right to decrypt", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello", {
    out_schema: { key: { type: "string", secret: true } },
  });
  await finished(t, "demo.hello", new TextEncoder().encode("hunter2"));
  const { data } = await t.json(
    200,
    "GET",
    `${BASE}/ref/demo.hello.stdout.log`,
  );
  const reader = await t.as([{ resource: "packs", actions: ["read"] }]);
  await t.json(403, "GET", `${BASE}/${data.id}/download`, { token: reader });
  const answer = await t.ask("GET", `${BASE}/${data.id}/download`);
  assert.equal(await answer.text(), "hunter2");
});

Deno.test("download of a file that is gone is 404", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const id = await anArtifact(t, "x.file");
  await t.sql`insert into artifact_version (artifact, version, file_path)
    values (${id}, 1, 'x/file/v1.txt')`;
  const answer = await t.json(404, "GET", `${BASE}/${id}/download`);
  assert.match(answer.error, /no content/);
});
