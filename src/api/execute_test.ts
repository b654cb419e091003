// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow one another
import assert from "node:assert/strict";
import {
  anAction,
  anExecution,
  type Answer,
  apiWorld,
  changesOf,
} from "../../tests/support/api_world.ts";
import { until } from "../../tests/support/until.ts";
import { isSealed } from "../domain/seal.ts";
import { signExecutionToken } from "./auth/tokens.ts";
import { JWT_SECRET } from "../../tests/support/api_world.ts";

const EXECUTE = "/api/v1/executions/execute";

Deno.test("POST execute answers the doubled execution and tells scheduler and watchers", async () => {
  await using t = await apiWorld();
  const action = await anAction(t.sql, "demo.hello", {
    param_schema: { name: { type: "string", default: "you" } },
  });
  using changes = await changesOf(t.bus);
  const requested: number[] = [];
  using _watch = await t.bus.watch<{ ids: number[] }>(
    "requested",
    ({ ids }) => requested.push(...ids),
  );
  const answer = await t.json(201, "POST", EXECUTE, {
    body: {
      action_ref: "demo.hello",
      parameters: { z: 1, a: { y: 2, b: null } },
      env_vars: { A: "x", N: 3, ATTUNE_API_TOKEN: "mine", F: false },
      unknown_field: 1,
    },
  });
  const { data, ...top } = answer;
  assert.deepEqual(top, data);
  assert.deepEqual(Object.keys(data.config), ["z", "a"]);
  assert.deepEqual({ ...data, id: 0, executor: 0, created: "", updated: "" }, {
    id: 0,
    action,
    action_ref: "demo.hello",
    config: { z: 1, a: { y: 2, b: null } },
    parent: null,
    enforcement: null,
    executor: 0,
    permission_set_refs: [],
    artifact_retention_policy: "versions",
    artifact_retention_limit: 5,
    worker_selector: null,
    worker_tolerations: null,
    worker_affinity: null,
    worker: null,
    status: "requested",
    result: {},
    original_execution: null,
    timeout_seconds: null,
    started_at: null,
    workflow_task: null,
    reason: null,
    attempt: 1,
    finished_at: null,
    isolation: null,
    waiting_for: null,
    rule_ref: null,
    trigger_ref: null,
    created: "",
    updated: "",
  });
  assert.match(data.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
  const [row] = await t.sql`select env_vars from execution`;
  assert.deepEqual(row!.env_vars, { A: "x", N: "3", F: "false" });
  await until(
    "the nudges",
    () => changes.seen.length > 0 && requested.length > 0,
  );
  assert.deepEqual(requested, [data.id]);
  assert.equal(changes.seen[0]!.status, "requested");
  assert.equal("old_status" in changes.seen[0]!, false);
});

Deno.test("POST execute keeps overrides, and knows clear from absent", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const { data } = await t.json(201, "POST", EXECUTE, {
    body: {
      action_ref: "demo.hello",
      timeout_seconds: 7,
      worker_selector: {},
      worker_tolerations: [{ key: "gpu" }],
      worker_affinity: { required: [{ match_labels: { zone: "a" } }] },
      artifact_retention_policy: "days",
      artifact_retention_limit: 9,
      permission_set_refs: [],
      parameters: null,
    },
  });
  assert.deepEqual(data.worker_selector, {});
  assert.deepEqual(data.worker_tolerations, [{
    key: "gpu",
    operator: "equal",
  }]);
  assert.deepEqual(data.worker_affinity, {
    required: [{ match_labels: { zone: "a" }, match_expressions: [] }],
    preferred: [],
    anti_affinity: [],
  });
  assert.equal(data.timeout_seconds, 7);
  assert.equal(data.artifact_retention_policy, "days");
  assert.equal(data.artifact_retention_limit, 9);
});

const refused: [string, number, string, Record<string, unknown>][] = [
  ["no body field", 422, "VALIDATION_ERROR", {}],
  ["an unknown action", 404, "NOT_FOUND", { action_ref: "demo.nothing" }],
  ["a disabled action", 409, "CONFLICT", { action_ref: "demo.off" }],
  ["an action of a disabled pack", 409, "CONFLICT", { action_ref: "off.on" }],
  ["a workflow", 501, "NOT_IMPLEMENTED", { action_ref: "demo.flow" }],
  ["parameters that are a list", 422, "VALIDATION_ERROR", {
    action_ref: "demo.on",
    parameters: [1],
  }],
  ["the stand-in of a secret", 422, "VALIDATION_ERROR", {
    action_ref: "demo.on",
    parameters: { a: { b: [{ $attune_secret: true, redacted: true }] } },
  }],
  ["a variable that is an object", 422, "VALIDATION_ERROR", {
    action_ref: "demo.on",
    env_vars: { A: {} },
  }],
  ["a variable with a bad name", 422, "VALIDATION_ERROR", {
    action_ref: "demo.on",
    env_vars: { "1A": "x" },
  }],
  ["a NUL in a variable", 422, "VALIDATION_ERROR", {
    action_ref: "demo.on",
    env_vars: { A: "x\0y" },
  }],
  ["half a character in a variable", 422, "VALIDATION_ERROR", {
    action_ref: "demo.on",
    env_vars: { A: "\ud800" },
  }],
  ["a timeout of 0", 422, "VALIDATION_ERROR", {
    action_ref: "demo.on",
    timeout_seconds: 0,
  }],
  ["a bad selector", 400, "BAD_REQUEST", {
    action_ref: "demo.on",
    worker_selector: { a: 1 },
  }],
  ["a bad toleration", 400, "BAD_REQUEST", {
    action_ref: "demo.on",
    worker_tolerations: [{ key: "a", operator: "like" }],
  }],
  ["a bad affinity", 400, "BAD_REQUEST", {
    action_ref: "demo.on",
    worker_affinity: { preferred: [{ weight: 0, preference: {} }] },
  }],
  ["an unknown permission set", 403, "FORBIDDEN", {
    action_ref: "demo.on",
    permission_set_refs: ["core.nothing"],
  }],
  ["a permission set beyond the caller's", 403, "FORBIDDEN", {
    action_ref: "demo.on",
    permission_set_refs: ["demo.ops"],
  }],
];

Deno.test("POST execute refuses what cannot be", async (test) => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.on");
  await anAction(t.sql, "demo.off", { enabled: false });
  await anAction(t.sql, "demo.flow", { workflow_file: "flow.yaml" });
  await anAction(t.sql, "off.on");
  await t.sql`update pack set enabled = false where ref = 'off'`;
  await t.sql`insert into permission_set (ref, grants) values ('demo.ops',
    '[{"resource":"vault","actions":["open"]}]')`;
  for (const [what, status, code, body] of refused) {
    await test.step(what, async () => {
      const answer = await t.json(status, "POST", EXECUTE, { body });
      assert.equal(answer.code, code);
      assert.ok(answer.error.length > 10);
    });
  }
  const [{ count }] = await t.sql`select count(*) from execution` as Answer;
  assert.equal(count, 0);
});

Deno.test("POST execute seals secret parameters and shows them redacted", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.secret", {
    param_schema: {
      token: { type: "string", secret: true },
      site: { type: "string" },
    },
  });
  const { data } = await t.json(201, "POST", EXECUTE, {
    body: {
      action_ref: "demo.secret",
      parameters: { token: "hunter2", site: "here" },
    },
  });
  const redacted = { $attune_secret: true, redacted: true };
  assert.deepEqual(data.config, { token: redacted, site: "here" });
  const [row] = await t.sql<
    Answer[]
  >`select config, config::text as text from execution`;
  assert.ok(isSealed(row.config.token));
  assert.ok(!row.text.includes("hunter2"));
  const path = `/api/v1/executions/${data.id}`;
  const plain = await t.json(200, "GET", path);
  assert.deepEqual(plain.data.config, { token: redacted, site: "here" });
  const open = await t.json(200, "GET", `${path}?include_secret_values=true`);
  assert.deepEqual(open.data.config, { token: "hunter2", site: "here" });
  const reader = await t.as([{ resource: "executions", actions: ["read"] }]);
  await t.json(403, "GET", `${path}?include_secret_values=true`, {
    token: reader,
  });
});

Deno.test("POST execute says what to do when a secret cannot be kept", async () => {
  await using t = await apiWorld({ encryptionKey: null });
  await anAction(t.sql, "demo.secret", {
    param_schema: { token: { type: "string", secret: true } },
  });
  const answer = await t.json(400, "POST", EXECUTE, {
    body: { action_ref: "demo.secret", parameters: { token: "hunter2" } },
  });
  assert.match(answer.error, /ATTUNE__SECURITY__ENCRYPTION_KEY/);
  await anExecution(t, "demo.secret", { parameters: { token: null, b: 1 } });
});

Deno.test("POST execute takes permission sets of the request, else of the action", async () => {
  await using t = await apiWorld();
  await t.sql`insert into permission_set (ref, grants) values ('demo.read',
    '[{"resource":"keys","actions":["read"]}]')`;
  await anAction(t.sql, "demo.hello", { sets: ["standard", "demo.read"] });
  const sets = async (more: Record<string, unknown>, token = t.admin) => {
    const { data } = await t.json(201, "POST", EXECUTE, {
      token,
      body: { action_ref: "demo.hello", ...more },
    });
    return data.permission_set_refs;
  };
  assert.deepEqual(await sets({}), ["standard", "demo.read"]);
  assert.deepEqual(await sets({ permission_set_refs: [] }), []);
  assert.deepEqual(await sets({ permission_set_refs: ["standard"] }), [
    "standard",
  ]);
  const small = await t.as([{ resource: "actions", actions: ["execute"] }]);
  await t.json(403, "POST", EXECUTE, {
    token: small,
    body: { action_ref: "demo.hello" },
  });
  assert.deepEqual(await sets({ permission_set_refs: [] }, small), []);
});

Deno.test("POST execute needs a permission before it looks at the body", async () => {
  await using t = await apiWorld();
  const nobody = await t.as([]);
  await t.json(403, "POST", EXECUTE, { token: nobody, body: {} });
  await t.json(401, "POST", EXECUTE, { token: null, body: {} });
});

Deno.test("POST execute with the token of an execution makes a child of the same executor", async () => {
  await using t = await apiWorld();
  await t.sql`insert into permission_set (ref, grants) values ('demo.run',
    '[{"resource":"actions","actions":["execute"]}]')`;
  await anAction(t.sql, "demo.hello");
  const parent = await anExecution(t, "demo.hello");
  const [{ executor }] = await t.sql<Answer[]>`select executor from execution`;
  const token = await signExecutionToken(JWT_SECRET, {
    executionId: parent,
    actionRef: "demo.hello",
    packRef: "demo",
    permissionSetRefs: ["demo.run"],
    identityId: 1,
    ttlS: 60,
  });
  const { data } = await t.json(201, "POST", EXECUTE, {
    token,
    body: { action_ref: "demo.hello" },
  });
  assert.equal(data.parent, parent);
  assert.equal(data.executor, executor);
  await t.json(200, "POST", `/api/v1/executions/${parent}/cancel`);
  const ended = await t.json(401, "POST", EXECUTE, {
    token,
    body: { action_ref: "demo.hello" },
  });
  assert.match(ended.error.message, /has ended/);
});

Deno.test("POST execute answers each of many at once, good ones beside bad ones", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.a");
  await anAction(t.sql, "demo.b");
  const wanted = Array.from({ length: 60 }, (_, i) => ({
    // Number 30 breaks the statement it is in.
    action_ref: i === 30
      ? "demo.\0"
      : ["demo.a", "demo.b", "demo.nothing"][i % 3]!,
    parameters: { i },
  }));
  const answers = await Promise.all(
    wanted.map((body) => t.ask("POST", EXECUTE, { body })),
  );
  for (const [i, answer] of answers.entries()) {
    const { data } = await answer.json();
    if (i % 3 === 2) assert.equal(answer.status, 404);
    else if (i === 30) assert.equal(answer.status, 422);
    else {
      assert.equal(answer.status, 201);
      assert.equal(data.action_ref, wanted[i]!.action_ref);
      assert.deepEqual(data.config, { i });
    }
  }
  const [{ count }] = await t.sql<Answer[]>`select count(*) from execution`;
  assert.equal(count, 39);
});
