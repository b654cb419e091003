import assert from "node:assert/strict";
import {
  anAction,
  anExecution,
  type ApiWorld,
  apiWorld,
} from "../../../tests/support/api_world.ts";

const BASE = "/api/v1/actions";
const NEW = {
  ref: "demo.hello",
  pack_ref: "demo",
  label: "Hello",
  entrypoint: 'echo "hi $name"',
};

async function withPack(settings = {}): Promise<ApiWorld> {
  const t = await apiWorld(settings);
  await t
    .sql`insert into pack (ref, label, version) values ('demo', 'D', '1.0.0')`;
  await t.sql`insert into runtime (ref, name, execution_config) values
    ('core.shell', 'shell', '{"interpreter":{"file_extension":".sh"}}'),
    ('core.python', 'python', '{"interpreter":{"file_extension":"py"}}'),
    ('auto.python', 'python', '{}')`;
  return t;
}

Deno.test("POST /actions makes an ad-hoc action and answers every field", async () => {
  await using t = await withPack();
  let fleet = 0;
  using _watch = await t.bus.watch("fleet", () => fleet++);
  const param_schema = { z: { type: "string" }, a: { type: "integer" } };
  const { data } = await t.json(201, "POST", BASE, {
    body: {
      ...NEW,
      param_schema,
      worker_affinity: { required: null },
      timeout_seconds: null,
    },
  });
  const { id, pack, runtime, created, updated, ...rest } = data;
  for (const one of [id, pack, runtime]) assert.equal(typeof one, "number");
  assert.ok(created && updated);
  assert.deepEqual(Object.keys(data.param_schema), ["z", "a"]);
  assert.deepEqual(rest, {
    ...NEW,
    description: null,
    enabled: true,
    runtime_ref: "core.shell",
    runtime_version_constraint: null,
    required_worker_runtimes: {},
    worker_selector: {},
    worker_tolerations: [],
    worker_affinity: { required: [], preferred: [], anti_affinity: [] },
    param_schema,
    out_schema: null,
    workflow_def: null,
    is_adhoc: true,
    accesses_mcp: false,
    default_execution_permission_set_refs: [],
    timeout_seconds: null,
    reference_visibility: "public",
    reference_allowed_pack_refs: [],
    artifact_retention_policy: null,
    artifact_retention_limit: null,
    log_retention_policy: null,
    log_retention_limit: null,
  });
  assert.deepEqual((await t.json(200, "GET", `${BASE}/demo.hello`)).data, data);
  const { items: [summary] } = await t.json(200, "GET", BASE);
  const { pack: _p, param_schema: _s, out_schema: _o, is_adhoc: _a, ...same } =
    data;
  assert.deepEqual(summary, same);
  assert.equal(fleet, 1);
  const [row] = await t.sql`
    select parameter_delivery, parameter_format, output_format, runtime from action`;
  assert.deepEqual({ ...row }, {
    parameter_delivery: "stdin",
    parameter_format: "json",
    output_format: "text",
    runtime: "shell",
  });
});

Deno.test("POST /actions chooses the runtime by id, ref, extension, else shell", async (test) => {
  await using t = await withPack();
  const [shell] = await t.sql<
    { id: number }[]
  >`select id from runtime where ref = 'core.shell'`;
  const cases: [Record<string, unknown>, string][] = [
    [{ runtime: shell!.id, runtime_ref: "core.python" }, "core.shell"],
    [{ runtime_ref: "core.python" }, "core.python"],
    [{ entrypoint: "run.py" }, "core.python"],
    [{ entrypoint: "run.sh" }, "core.shell"],
    [{ entrypoint: "run.unknown" }, "core.shell"],
    [{ entrypoint: "echo a.py" }, "core.shell"],
    [{ runtime: null, runtime_ref: null }, "core.shell"],
  ];
  for (const [index, [more, ref]] of cases.entries()) {
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await test.step(JSON.stringify(more), async () => {
      const body = { ...NEW, ref: `demo.a${index}`, ...more };
      const { data } = await t.json(201, "POST", BASE, { body });
      assert.equal(data.runtime_ref, ref);
    });
  }
});

Deno.test("POST /actions refuses what breaks a rule", async (test) => {
  await using t = await withPack();
  await t.json(201, "POST", BASE, { body: NEW });
  const cases: [Record<string, unknown>, number, string][] = [
    [{}, 409, "CONFLICT"],
    [{ pack_ref: "none" }, 404, "NOT_FOUND"],
    [{ ref: "demo.x", runtime: 99 }, 404, "NOT_FOUND"],
    [{ ref: "demo.x", runtime_ref: "core.none" }, 404, "NOT_FOUND"],
    [{ ref: "Demo.x" }, 422, "UNPROCESSABLE_ENTITY"],
    [{ ref: "demo" }, 422, "UNPROCESSABLE_ENTITY"],
    [{ ref: "demo.x.y" }, 422, "UNPROCESSABLE_ENTITY"],
    [{ ref: "demo." }, 422, "UNPROCESSABLE_ENTITY"],
    [{ ref: "demo.a/b" }, 422, "UNPROCESSABLE_ENTITY"],
    [{ entrypoint: "" }, 422, "VALIDATION_ERROR"],
    [{ entrypoint: "x".repeat(1025) }, 422, "VALIDATION_ERROR"],
    [{ timeout_seconds: 0 }, 422, "VALIDATION_ERROR"],
    [{ log_retention_limit: 0 }, 422, "VALIDATION_ERROR"],
    [{ log_retention_policy: "weeks" }, 422, "VALIDATION_ERROR"],
    [{ reference_visibility: "secret" }, 422, "VALIDATION_ERROR"],
    [{ param_schema: [] }, 422, "VALIDATION_ERROR"],
    [{ worker_selector: { a: 1 } }, 422, "VALIDATION_ERROR"],
    [{ worker_tolerations: [{}] }, 422, "VALIDATION_ERROR"],
    [{ runtime_version_constraint: "latest" }, 422, "VALIDATION_ERROR"],
    [{ required_worker_runtimes: { node: "??" } }, 422, "VALIDATION_ERROR"],
  ];
  for (const [more, status, code] of cases) {
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await test.step(JSON.stringify(more).slice(0, 60), async () => {
      const body = { ...NEW, ...more };
      assert.equal((await t.json(status, "POST", BASE, { body })).code, code);
    });
  }
});

Deno.test("PUT /actions/{ref} keeps what is absent and patches what is a patch", async () => {
  await using t = await withPack();
  await t.json(201, "POST", BASE, {
    body: {
      ...NEW,
      description: "old",
      timeout_seconds: 5,
      runtime_version_constraint: ">=3",
      log_retention_policy: "days",
      log_retention_limit: 3,
      param_schema: { name: { type: "string" } },
    },
  });
  const put = async (body: unknown) =>
    (await t.json(200, "PUT", `${BASE}/demo.hello`, { body })).data;
  const same = await put({});
  assert.deepEqual(
    [same.description, same.timeout_seconds, same.log_retention_limit],
    ["old", 5, 3],
  );
  const changed = await put({
    timeout_seconds: 2.5,
    runtime_version_constraint: { op: "clear" },
    log_retention_policy: { op: "clear" },
    log_retention_limit: { op: "set", value: 9 },
    param_schema: { op: { type: "string" } },
    runtime_ref: "core.python",
    enabled: false,
    worker_tolerations: [{ key: "gpu" }],
    required_worker_runtimes: { node: ">=20" },
  });
  assert.deepEqual(
    [
      changed.timeout_seconds,
      changed.runtime_version_constraint,
      changed.log_retention_policy,
      changed.log_retention_limit,
      changed.param_schema,
      changed.runtime_ref,
      changed.enabled,
      changed.worker_tolerations,
      changed.required_worker_runtimes,
    ],
    [
      2.5,
      null,
      null,
      9,
      { op: { type: "string" } },
      "core.python",
      false,
      [{ key: "gpu", operator: "equal" }],
      { node: ">=20" },
    ],
  );
  const cleared = await put({ param_schema: { op: "clear" } });
  assert.equal(cleared.param_schema, null);
  await t.json(404, "PUT", `${BASE}/demo.none`, { body: {} });
  await t.json(422, "PUT", `${BASE}/demo.hello`, { body: { label: "" } });
  await t.json(404, "PUT", `${BASE}/demo.hello`, { body: { runtime: 99 } });
});

Deno.test("an action may name only permission sets that its maker has wholly", async () => {
  await using t = await withPack();
  await t.sql`insert into permission_set (ref, grants) values
    ('demo.small', '[{"resource":"packs","actions":["read"]}]'),
    ('demo.narrow', '[{"resource":"packs","actions":["read"],"constraints":{"refs":["demo"]}}]'),
    ('demo.big', '[{"resource":"packs","actions":["read","delete"]}]')`;
  const making = {
    resource: "actions",
    actions: ["create", "update", "execute"],
  };
  const maker = await t.as([making, { resource: "packs", actions: ["read"] }]);
  const narrowed = await t.as([making, {
    resource: "packs",
    actions: ["read"],
    constraints: { refs: ["demo"] },
  }]);
  let n = 0;
  const make = (token: string, status: number, ...sets: string[]) =>
    t.json(status, "POST", BASE, {
      token,
      body: {
        ...NEW,
        ref: `demo.a${++n}`,
        default_execution_permission_set_refs: sets,
      },
    });
  await make(maker, 201, "demo.small", "standard");
  await make(maker, 201, "demo.narrow");
  await make(maker, 403, "demo.small", "demo.big");
  const unknown = await make(maker, 403, "demo.none");
  assert.match(unknown.error, /demo\.none/);
  await make(narrowed, 403, "demo.narrow");
  await make(narrowed, 201, "standard");
  await t.json(403, "PUT", `${BASE}/demo.a1`, {
    token: maker,
    body: { default_execution_permission_set_refs: ["demo.big"] },
  });
  const list = async (token: string) =>
    (await t.json(200, "GET", `${BASE}?executable_with_current_access=true`, {
      token,
    }))
      .items.map((a: { ref: string }) => a.ref);
  assert.deepEqual(await list(maker), ["demo.a1", "demo.a2", "demo.a6"]);
  assert.deepEqual(await list(narrowed), ["demo.a6"]);
  assert.deepEqual(await list(await t.as([])), []);
  const one = await t.as([
    { resource: "packs", actions: ["read"] },
    {
      resource: "actions",
      actions: ["execute"],
      constraints: { refs: ["demo.a2", "other.x"], pack_refs: ["demo"] },
    },
    {
      resource: "actions",
      actions: ["execute"],
      constraints: { refs: ["demo.a1"], attributes: {} },
    },
  ]);
  assert.deepEqual(await list(one), ["demo.a2"]);
});

Deno.test("GET /actions keeps to what a pack may refer to", async () => {
  await using t = await withPack();
  await anAction(t.sql, "demo.open");
  await anAction(t.sql, "demo.own");
  await anAction(t.sql, "demo.shared");
  await t
    .sql`update action set reference_visibility = 'private' where ref = 'demo.own'`;
  await t.sql`update action set reference_visibility = 'restricted',
    reference_allowed_pack_refs = '{friend}' where ref = 'demo.shared'`;
  const seenBy = async (pack: string) =>
    (await t.json(200, "GET", `${BASE}?referencing_pack_ref=${pack}`)).items
      .map((a: { ref: string }) => a.ref);
  assert.deepEqual(await seenBy("demo"), [
    "demo.open",
    "demo.own",
    "demo.shared",
  ]);
  assert.deepEqual(await seenBy("friend"), ["demo.open", "demo.shared"]);
  assert.deepEqual(await seenBy("stranger"), ["demo.open"]);
});

Deno.test("GET /actions/search wants every word somewhere", async (test) => {
  await using t = await withPack();
  await anAction(t.sql, "demo.copy_file");
  await anAction(t.sql, "demo.move_file", { workflow_file: "move.yaml" });
  await anAction(t.sql, "other.copy");
  await t
    .sql`update action set description = '100% of A_B' where ref = 'demo.copy_file'`;
  const cases: [string, string[]][] = [
    ["", ["demo.copy_file", "demo.move_file", "other.copy"]],
    ["?q=COPY", ["demo.copy_file", "other.copy"]],
    ["?q=copy+demo", ["demo.copy_file"]],
    ["?q=a_b", ["demo.copy_file"]],
    ["?q=%25", ["demo.copy_file"]],
    ["?q=e_f", ["demo.move_file"]],
    ["?q=%27%3B--", []],
    ["?packs=other", ["other.copy"]],
    ["?packs=other,%20demo,&q=file", ["demo.copy_file", "demo.move_file"]],
  ];
  for (const [query, refs] of cases) {
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await test.step(query, async () => {
      const { items, pagination } = await t.json(
        200,
        "GET",
        `${BASE}/search${query}`,
      );
      assert.deepEqual(items.map((a: { ref: string }) => a.ref), refs);
      assert.equal(pagination.total_items, refs.length);
    });
  }
  const { items } = await t.json(200, "GET", `${BASE}/search?q=move`);
  assert.deepEqual(items, [{
    ref: "demo.move_file",
    pack_ref: "demo",
    label: "demo.move_file",
    description: null,
    runtime_ref: "core.shell",
    is_workflow: true,
    accesses_mcp: false,
    reference_visibility: "public",
  }]);
  await t.json(404, "GET", `${BASE}/search?packs=none`);
});

Deno.test("actions are deleted; unknown ones are 404", async () => {
  await using t = await withPack();
  await anAction(t.sql, "demo.hello");
  const execution = await anExecution(t, "demo.hello");
  const nobody = { token: await t.as([]) };
  await t.json(200, "GET", `${BASE}/demo.hello`, nobody);
  await t.json(403, "DELETE", `${BASE}/demo.hello`, nobody);
  await t.json(403, "PUT", `${BASE}/demo.hello`, { ...nobody, body: {} });
  await t.json(404, "GET", `${BASE}/demo.hello/queue-stats`, nobody);
  const gone = await t.json(200, "DELETE", `${BASE}/demo.hello`);
  assert.equal(gone.success, true);
  const { data } = await t.json(200, "GET", `/api/v1/executions/${execution}`);
  assert.deepEqual([data.action, data.action_ref], [null, "demo.hello"]);
  for (const method of ["GET", "DELETE"]) {
    // deno-lint-ignore no-await-in-loop
    await t.json(404, method, `${BASE}/demo.hello`);
  }
});

Deno.test("an action shows the runtime that its name stands for", async () => {
  await using t = await withPack();
  await t
    .sql`insert into runtime (ref, name, aliases) values ('acme.lua', 'lua', '{luajit}')`;
  for (
    const [name, ref] of [["python", "core.python"], ["luajit", "acme.lua"], [
      "acme.lua",
      "acme.lua",
    ], ["cobol", null]] as const
  ) {
    // deno-lint-ignore no-await-in-loop
    await anAction(t.sql, `demo.${name.replace(".", "_")}`, { runtime: name });
    // deno-lint-ignore no-await-in-loop
    const { data } = await t.json(
      200,
      "GET",
      `${BASE}/demo.${name.replace(".", "_")}`,
    );
    assert.equal(data.runtime_ref, ref);
    assert.equal(data.runtime === null, ref === null);
  }
});
