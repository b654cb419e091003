// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow one another
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
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
  JWT_SECRET,
} from "../../../tests/support/api_world.ts";
import { until } from "../../../tests/support/until.ts";
import type { RegisterAnswer } from "../../domain/agent_protocol.ts";
import { readToken } from "../auth/tokens.ts";

const AGENT = "/api/v1/agent";

function claim(
  t: ApiWorld,
  { token }: RegisterAnswer,
  items: { id: number; attempt: number; lease?: string }[],
): Promise<Answer> {
  const leased = items.map((item) => ({ lease: crypto.randomUUID(), ...item }));
  return t.json(200, "POST", `${AGENT}/claim`, {
    token,
    body: { items: leased },
  });
}

Deno.test("claim gives all that an attempt needs", async () => {
  await using t = await apiWorld();
  await t.sql`insert into permission_set (ref, grants) values ('demo.read',
    '[{"resource":"keys","actions":["read"]}]')`;
  const action = await anAction(t.sql, "demo.hello", {
    param_schema: {
      site: { type: "string", default: "earth" },
      token: { type: "string", secret: true },
      spare: { type: "string", secret: true, default: "hidden" },
    },
    sets: ["standard", "demo.read"],
    timeout_seconds: 20,
    retry: { max_attempts: 3, on: ["lost"] },
  });
  await t
    .sql`update action set output_format = 'json', parameter_delivery = 'file',
    resources = '{"memory_mb":64}', runtime_version = '>=5' where id = ${action}`;
  await t.sql`update pack set content_hash = 'abc'`;
  const worker = await aWorker(t);
  const id = await anExecution(t, "demo.hello", {
    parameters: { z: 1, token: { deep: "hunter2" }, site: null },
    env_vars: { A: "b" },
    timeout_seconds: 40,
  });
  await dispatched(t.sql, id);
  using changes = await changesOf(t.bus);
  const { items: [item] } = await claim(t, worker, [{ id, attempt: 1 }]);
  const { lease, token, ...spec } = item.spec;
  assert.match(lease, /^[0-9a-f-]{36}$/);
  assert.deepEqual(Object.keys(spec.parameters), [
    "z",
    "token",
    "site",
    "spare",
  ]);
  assert.deepEqual(spec, {
    id,
    attempt: 1,
    lease_ms: 15_000,
    action_ref: "demo.hello",
    pack_ref: "demo",
    pack_version: "1.2.3",
    pack_hash: "abc",
    chain_id: id,
    runtime: {
      name: "shell",
      ref: "core.shell",
      execution_config: { interpreter: { binary: "sh" } },
      versions: [],
    },
    runtime_version: ">=5",
    entry_point: "run.sh",
    inline: false,
    parameters: {
      z: 1,
      token: { deep: "hunter2" },
      site: "earth",
      spare: "hidden",
    },
    secret_names: ["token", "spare"],
    parameter_delivery: "file",
    parameter_format: "json",
    output_format: "json",
    output_strict: false,
    output_schema: null,
    timeout_s: 40,
    resources: { memory_mb: 64 },
    permissions: {},
    env_vars: { A: "b" },
    rule_ref: null,
    trigger_ref: null,
    rerun_when_lost: true,
  });
  const claims = await readToken(JWT_SECRET, token);
  assert.equal(claims.token_type, "execution");
  assert.equal(claims.exp - claims.iat, 100);
  assert.deepEqual(claims.metadata, {
    execution_id: id,
    action_ref: "demo.hello",
    permission_set_refs: ["standard", "demo.read"],
    standard_access_action_refs: ["demo.hello"],
    standard_access_pack_refs: ["demo"],
  });
  await until("the change", () => changes.seen.length === 1);
  assert.deepEqual(
    [changes.seen[0]!.old_status, changes.seen[0]!.status],
    ["scheduled", "running"],
  );
});

Deno.test("claim treats the entry point of an ad-hoc shell action as source", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.inline", {
    is_adhoc: true,
    entry_point: "run.sh",
  });
  await t.sql`insert into runtime (ref, name) values ('core.python', 'python')`;
  await anAction(t.sql, "demo.file", { is_adhoc: true, runtime: "python" });
  const worker = await aWorker(t);
  assert.equal((await claimed(t, worker, "demo.inline")).spec.inline, true);
  const file = await claimed(t, worker, "demo.file");
  assert.equal(file.spec.inline, false);
  assert.equal(file.spec.token, null);
  assert.equal(file.spec.rerun_when_lost, false);
});

Deno.test("claim gives each attempt once, and answers for every item", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const workers = [
    await aWorker(t, { name: "a" }),
    await aWorker(t, { name: "b" }),
  ];
  const ids = await Promise.all(
    Array.from({ length: 30 }, () => anExecution(t, "demo.hello")),
  );
  for (const id of ids) await dispatched(t.sql, id);
  const items = [...ids.map((id) => ({ id, attempt: 1 })), {
    id: 99_999,
    attempt: 1,
  }, { id: ids[0]!, attempt: 2 }];
  const answers = await Promise.all(
    [...workers, ...workers].map((worker) => claim(t, worker, items)),
  );
  for (const answer of answers) {
    assert.deepEqual(
      answer.items.map(({ id, attempt }: Answer) => ({ id, attempt })),
      items,
    );
  }
  const given = answers.flatMap(({ items }) =>
    items.filter((i: Answer) => i.spec)
  );
  assert.deepEqual(
    given.map(({ id }) => id).toSorted((a, b) => a - b),
    ids.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(given.map(({ spec }) => spec.lease)).size, 30);
});

Deno.test("claim answers a fault when secrets cannot be opened", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello", {
    param_schema: { token: { type: "string", secret: true } },
  });
  const worker = await aWorker(t);
  t.deps.settings.encryptionKey = "the key of before";
  const id = await anExecution(t, "demo.hello", {
    parameters: { token: "hunter2" },
  });
  await dispatched(t.sql, id);
  t.deps.settings.encryptionKey = "the key of after";
  const { items: [item] } = await claim(t, worker, [{ id, attempt: 1 }]);
  assert.equal(item.spec, undefined);
  assert.equal(item.fault.reason, "secret_unavailable");
  assert.match(item.fault.message, /"token".*ATTUNE__SECURITY__ENCRYPTION_KEY/);
  const [row] = await t.sql<Answer[]>`select lease_token from execution`;
  assert.equal(item.fault.lease, row.lease_token);
});

Deno.test("claim refuses more than 100 items and unknown shapes", async () => {
  await using t = await apiWorld();
  const { token } = await aWorker(t);
  const items = Array.from({ length: 101 }, (_, id) => ({
    id: id + 1,
    attempt: 1,
    lease: crypto.randomUUID(),
  }));
  const [item] = items;
  await t.json(200, "POST", `${AGENT}/claim`, {
    token,
    body: { items: [item] },
  });
  const wrong = [{ ...item, id: "1" }, { ...item, lease: "mine" }];
  for (const body of [{ items }, ...wrong.map((w) => ({ items: [w] })), {}]) {
    const answer = await t.json(422, "POST", `${AGENT}/claim`, { token, body });
    assert.equal(answer.error, "VALIDATION_ERROR");
  }
});

Deno.test("phase says whether the attempt is still the agent's", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const other = await aWorker(t, { name: "worker-b" });
  const { id, spec } = await claimed(t, worker, "demo.hello");
  const report = async (phase: string, token = worker.token, more = {}) =>
    (await t.json(200, "POST", `${AGENT}/phase`, {
      token,
      body: { id, attempt: 1, lease: spec.lease, phase, ...more },
    })).held;
  assert.equal(await report("preparing"), true);
  assert.equal(await report("started", other.token), false);
  assert.equal(await report("started", worker.token, { attempt: 2 }), false);
  assert.equal(await report("started"), true);
  await t.json(200, "POST", `/api/v1/executions/${id}/cancel`);
  assert.equal(await report("started"), false);
});

interface Sent {
  offset: number;
  data: string | Uint8Array;
  stream?: string;
  lease?: string;
  attempt?: number;
}

function sendLogs(
  t: ApiWorld,
  worker: RegisterAnswer,
  item: Answer,
  chunks: Sent[],
): Promise<Answer> {
  return t.json(200, "POST", `${AGENT}/logs`, {
    token: worker.token,
    body: {
      chunks: chunks.map(({ data, ...more }) => ({
        id: item.id,
        attempt: 1,
        lease: item.spec.lease,
        stream: "stdout",
        data: Buffer.from(data as string).toString("base64"),
        ...more,
      })),
    },
  });
}

async function storedLog(t: ApiWorld, stream = "stdout"): Promise<string> {
  const rows = await t.sql<{ start_offset: number; data: Uint8Array }[]>`
    select start_offset, data from execution_log where stream = ${stream} order by start_offset`;
  let end = 0;
  for (const { start_offset, data } of rows) {
    assert.equal(start_offset, end, "the pieces follow each other");
    end += data.length;
  }
  return Buffer.concat(rows.map(({ data }) => data)).toString();
}

const FINE = { refused: [], gaps: [] };

Deno.test("logs are stored once however often they are sent", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const item = await claimed(t, worker, "demo.hello");
  const nudged: number[] = [];
  using _watch = await t.bus.watch<{ id: number }>(
    "log",
    ({ id }) => nudged.push(id),
  );
  const send = (...chunks: Sent[]) => sendLogs(t, worker, item, chunks);
  assert.deepEqual(await send({ offset: 0, data: "abc" }), FINE);
  assert.deepEqual(await send({ offset: 0, data: "abc" }), FINE);
  assert.deepEqual(await send({ offset: 1, data: "bcde" }), FINE);
  assert.deepEqual(
    await send({ offset: 5, data: "f" }, { offset: 6, data: "gh" }, {
      offset: 0,
      data: "E",
      stream: "stderr",
    }),
    FINE,
  );
  assert.deepEqual(await send({ offset: 8, data: "" }), FINE);
  assert.equal(await storedLog(t), "abcdefgh");
  assert.equal(await storedLog(t, "stderr"), "E");
  await until("nudges", () => nudged.length >= 4);
  assert.deepEqual(new Set(nudged), new Set([item.id]));
});

Deno.test("logs with a gap are not stored, and the answer says where to go on", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const item = await claimed(t, worker, "demo.hello");
  const send = (...chunks: Sent[]) => sendLogs(t, worker, item, chunks);
  const gap = (expected: number) => ({
    refused: [],
    gaps: [{ id: item.id, attempt: 1, stream: "stdout", expected }],
  });
  assert.deepEqual(await send({ offset: 2, data: "c" }), gap(0));
  assert.deepEqual(await send({ offset: 0, data: "ab" }), FINE);
  assert.deepEqual(
    await send({ offset: 2, data: "c" }, { offset: 9, data: "x" }),
    gap(2),
  );
  assert.equal(await storedLog(t), "abc");
});

Deno.test("logs of what is not the sender's are refused, those beside them stored", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const other = await aWorker(t, { name: "worker-b" });
  const item = await claimed(t, worker, "demo.hello");
  const foreign = await claimed(t, other, "demo.hello");
  const refused = { refused: [{ id: item.id, attempt: 1 }], gaps: [] };
  const chunk = { offset: 0, data: "x" };
  assert.deepEqual(
    await sendLogs(t, worker, item, [{ ...chunk, lease: foreign.spec.lease }]),
    refused,
  );
  assert.deepEqual(await sendLogs(t, other, item, [chunk]), refused);
  assert.deepEqual(
    await sendLogs(t, worker, item, [{ ...chunk, attempt: 2 }]),
    { refused: [{ id: item.id, attempt: 2 }], gaps: [] },
  );
  const both = await t.json(200, "POST", `${AGENT}/logs`, {
    token: worker.token,
    body: {
      chunks: [item, foreign].map(({ id, spec }) => ({
        id,
        attempt: 1,
        lease: spec.lease,
        stream: "stdout",
        offset: 0,
        data: btoa("mine"),
      })),
    },
  });
  assert.deepEqual(both, {
    refused: [{ id: foreign.id, attempt: 1 }],
    gaps: [],
  });
  assert.equal(await storedLog(t), "mine");
  await t.sql`update execution set lease_until = now() - interval '1 second'`;
  assert.deepEqual(
    await sendLogs(t, worker, item, [{ offset: 4, data: "late" }]),
    refused,
  );
});

Deno.test("logs that are not base64 are refused by name", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const item = await claimed(t, worker, "demo.hello");
  for (const data of ["a", "ab=c", "!!!!", "YWJj\n", "YQ=", "YQ==="]) {
    const answer = await t.json(422, "POST", `${AGENT}/logs`, {
      token: worker.token,
      body: {
        chunks: [{
          id: item.id,
          attempt: 1,
          lease: item.spec.lease,
          stream: "stdout",
          offset: 0,
          data,
        }],
      },
    });
    assert.match(answer.message, /not base64/, data);
  }
});

Deno.test("logs cut and repeated in any way give the same bytes", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const item = await claimed(t, worker, "demo.hello");
  const text = Array.from({ length: 400 }, (_, i) => `${i},`).join("");
  const range = fc.tuple(fc.nat(text.length), fc.nat(300));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(range, { minLength: 1, maxLength: 5 }), {
        maxLength: 12,
      }),
      async (batches) => {
        await t.sql`delete from execution_log`;
        for (const batch of batches) {
          const chunks = batch.map(([offset, length]) => ({
            offset,
            data: text.slice(offset, offset + length),
          }));
          const { refused } = await sendLogs(t, worker, item, chunks);
          assert.deepEqual(refused, []);
          const stored = await storedLog(t);
          assert.equal(stored, text.slice(0, stored.length));
        }
        const { length } = await storedLog(t);
        assert.deepEqual(
          await sendLogs(t, worker, item, [{
            offset: length,
            data: text.slice(length),
          }]),
          FINE,
        );
        assert.equal(await storedLog(t), text);
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("outcomes go to the queue under the sender's name; the others are refused", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const other = await aWorker(t, { name: "worker-b" });
  const mine = await claimed(t, worker, "demo.hello");
  const foreign = await claimed(t, other, "demo.hello");
  const outcome = ({ id, spec }: Answer) => ({
    id,
    attempt: 1,
    lease: spec.lease,
    worker_id: worker.worker_id,
    status: "failed",
    reason: "error",
    result: { succeeded: false, exit_code: 1, error: "no", extra: [1] },
    isolation: { level: "none", policy: "off", layers: {}, degraded: [] },
    usage: { cpu_ms: 3 },
    logs: [{ stream: "stdout", offset: 0, data: btoa("x") }],
  });
  const taker = t.bus.take<Answer>("outcome");
  taker.want(5);
  // Twice is one.
  for (let time = 0; time < 2; time++) {
    const { refused } = await t.json(200, "POST", `${AGENT}/outcomes`, {
      token: worker.token,
      body: { outcomes: [outcome(mine), outcome(foreign)] },
    });
    assert.deepEqual(refused, [{ id: foreign.id, attempt: 1 }]);
  }
  const deliveries = (await taker.next())!;
  assert.deepEqual(deliveries.map(({ body }) => body), [outcome(mine)]);
  deliveries.forEach((delivery) => delivery.ack());
  await taker[Symbol.asyncDispose]();
  assert.equal(await t.bus.depth("outcome"), 0);
});
