// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow one another
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  anAction,
  anExecution,
  type ApiWorld,
  apiWorld,
  aWorker,
  claimed,
  JWT_SECRET,
  settled,
} from "../../../tests/support/api_world.ts";
import { readEvents } from "../../../tests/support/sse.ts";
import type { RegisterAnswer } from "../../domain/agent_protocol.ts";
import { NUDGE } from "../../domain/changes.ts";
import { makeApp } from "../app.ts";
import { signExecutionToken } from "../auth/tokens.ts";

const BASE = "/api/v1/executions";

async function running(t: ApiWorld) {
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const { id, spec } = await claimed(t, worker, "demo.hello");
  return { id: id as number, lease: spec.lease as string, worker };
}

/** What an agent does with output. */
async function write(
  t: ApiWorld,
  { id, lease, worker }: { id: number; lease: string; worker: RegisterAnswer },
  offset: number,
  data: Uint8Array | string,
  stream = "stdout",
) {
  const bytes = Buffer.from(data as string);
  const answer = await t.json(200, "POST", "/api/v1/agent/logs", {
    token: worker.token,
    body: {
      chunks: [{
        id,
        attempt: 1,
        lease,
        stream,
        offset,
        data: bytes.toString("base64"),
      }],
    },
  });
  assert.deepEqual(answer, { refused: [], gaps: [] });
  return offset + bytes.length;
}

async function ends(t: ApiWorld, id: number) {
  await settled(t.sql, id);
  t.bus.nudge(NUDGE.changed, { changes: [{ id }] });
}

async function follow(
  t: ApiWorld,
  id: number,
  query = "",
  headers: Record<string, string> = {},
) {
  const answer = await t.ask(
    "GET",
    `${BASE}/${id}/logs/stdout/stream${query}`,
    {
      headers,
    },
  );
  assert.equal(answer.status, 200);
  return readEvents(answer);
}

Deno.test("log stream waits, catches up, appends and is done", async () => {
  await using t = await apiWorld();
  const run = await running(t);
  await using events = await follow(t, run.id);
  assert.equal((await events.next())!.event, "waiting");
  let end = await write(t, run, 0, "one\n");
  assert.deepEqual(await events.nextNews(), {
    event: "append",
    id: "4",
    data: "one\n",
  });
  end = await write(t, run, end, "two\r\nthree\rfour\n");
  assert.deepEqual(await events.nextNews(), {
    event: "append",
    id: String(end),
    data: "two\nthree\nfour\n",
  });
  await using late = await follow(t, run.id);
  assert.deepEqual(await late.nextNews(), {
    event: "content",
    id: String(end),
    data: "one\ntwo\nthree\nfour\n",
  });
  await ends(t, run.id);
  assert.deepEqual(await events.rest(), [{ event: "done", data: "" }]);
  assert.deepEqual(await late.rest(), [{ event: "done", data: "" }]);
});

Deno.test("log stream of a finished execution sends it all and ends", async () => {
  await using t = await apiWorld();
  const run = await running(t);
  await write(t, run, 0, "hello");
  await ends(t, run.id);
  await using events = await follow(t, run.id);
  assert.deepEqual(await events.rest(), [
    { event: "content", id: "5", data: "hello" },
    { event: "done", data: "" },
  ]);
  const other = await t.ask("GET", `${BASE}/${run.id}/logs/stderr/stream`);
  assert.deepEqual(await readEvents(other).rest(), [
    { event: "done", data: "" },
  ]);
});

Deno.test("log stream resumes at any byte it named, whole characters each time", async () => {
  await using t = await apiWorld();
  const run = await running(t);
  const text = "añ€😀\n".repeat(20_000);
  const bytes = Buffer.from(text);
  // Pieces that cut characters.
  for (let at = 0; at < bytes.length;) {
    at = await write(t, run, at, bytes.subarray(at, at + 32_768));
  }
  await ends(t, run.id);
  await using all = await follow(t, run.id);
  const events = await all.rest();
  assert.equal(events.pop()!.event, "done");
  assert.ok(events.length > 3);
  assert.equal(events.map((e) => e.data).join(""), text);
  for (const { id, data } of events) {
    assert.ok(Buffer.byteLength(data) <= 64 * 1024);
    assert.ok(!data.includes("\ufffd"));
    await using rest = await follow(t, run.id, `?offset=${id}`);
    const resumed = (await rest.rest()).map((e) => e.data).join("");
    assert.equal(resumed, bytes.subarray(Number(id)).toString());
  }
  const last = events.at(-2)!.id!;
  await using again = await follow(t, run.id, "?offset=0", {
    "last-event-id": last,
  });
  assert.equal(
    (await again.rest()).map((e) => e.data).join(""),
    bytes.subarray(Number(last)).toString(),
  );
});

Deno.test("log stream holds back half a character until its rest is there", async () => {
  await using t = await apiWorld();
  const run = await running(t);
  await using events = await follow(t, run.id);
  await events.next();
  const euro = Buffer.from("€");
  await write(
    t,
    run,
    0,
    Buffer.concat([Buffer.from("x"), euro.subarray(0, 2)]),
  );
  assert.deepEqual(await events.nextNews(), {
    event: "append",
    id: "1",
    data: "x",
  });
  await write(t, run, 3, euro.subarray(2));
  assert.deepEqual(await events.nextNews(), {
    event: "append",
    id: "4",
    data: "€",
  });
  await write(t, run, 4, euro.subarray(0, 1));
  await ends(t, run.id);
  assert.deepEqual(await events.rest(), [
    { event: "append", id: "5", data: "\ufffd" },
    { event: "done", data: "" },
  ]);
});

Deno.test("log stream shows bytes that are no text as U+FFFD", async () => {
  await using t = await apiWorld();
  const run = await running(t);
  await write(t, run, 0, new Uint8Array([0x61, 0xff, 0xfe, 0x00, 0x62]));
  await ends(t, run.id);
  await using events = await follow(t, run.id);
  assert.deepEqual((await events.rest())[0], {
    event: "content",
    id: "5",
    data: "a\ufffd\ufffd\0b",
  });
});

Deno.test("log stream begins anew with the output of another attempt", async () => {
  await using t = await apiWorld();
  const run = await running(t);
  await write(t, run, 0, "first attempt");
  await using events = await follow(t, run.id);
  assert.equal((await events.nextNews())!.data, "first attempt");
  await t
    .sql`update execution set attempt = 2, status = 'completed', finished_at = now(),
    lease_token = null, lease_until = null where id = ${run.id}`;
  await t
    .sql`insert into execution_log (execution, attempt, stream, start_offset, data)
    values (${run.id}, 2, 'stdout', 0, 'second')`;
  t.bus.nudge(NUDGE.log, { id: run.id });
  assert.deepEqual(await events.rest(), [
    { event: "content", id: "6", data: "second" },
    { event: "done", data: "" },
  ]);
});

Deno.test("log stream of 1 MB arrives whole at a slow reader", async () => {
  await using t = await apiWorld();
  const run = await running(t);
  const text = Array.from(
    { length: 20_000 },
    (_, i) => `line ${i} ${"x".repeat(40)}\n`,
  )
    .join("");
  const bytes = Buffer.from(text);
  assert.ok(bytes.length > 1_000_000);
  for (let at = 0; at < bytes.length;) {
    at = await write(t, run, at, bytes.subarray(at, at + 200_000));
  }
  await ends(t, run.id);
  await using events = await follow(t, run.id);
  let seen = "";
  for (;;) {
    const event = await events.nextNews();
    if (event === undefined || event.event === "done") break;
    seen += event.data;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.equal(seen, text);
});

Deno.test("log stream finds output whose nudge was lost", async () => {
  await using t = await apiWorld();
  const run = await running(t);
  await using events = await follow(t, run.id);
  await events.next();
  await t
    .sql`insert into execution_log (execution, attempt, stream, start_offset, data)
    values (${run.id}, 1, 'stdout', 0, 'unheard')`;
  assert.equal((await events.nextNews())!.data, "unheard");
});

Deno.test("log stream checks the execution, then the right, then the name", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  await anAction(t.sql, "demo.secret", {
    out_schema: { key: { type: "string", secret: true } },
  });
  const id = await anExecution(t, "demo.hello");
  const secret = await anExecution(t, "demo.secret");
  const nobody = await t.as([]);
  const reader = await t.as([{ resource: "executions", actions: ["read"] }]);
  const own = await signExecutionToken(JWT_SECRET, {
    executionId: id,
    actionRef: "demo.hello",
    packRef: "demo",
    permissionSetRefs: ["standard"],
    identityId: 1,
    ttlS: 60,
  });
  const cases: [number, number, string, string | null][] = [
    [401, id, "stdout", null],
    [404, 999, "nothing", nobody],
    [403, id, "nothing", nobody],
    [400, id, "nothing", reader],
    [403, secret, "stdout", reader],
    [403, secret, "stdout", own],
    [200, id, "stdout", own],
    [200, secret, "stdout", t.admin],
  ];
  for (const [status, execution, stream, token] of cases) {
    const answer = await t.ask(
      "GET",
      `${BASE}/${execution}/logs/${stream}/stream`,
      {
        token,
      },
    );
    assert.equal(answer.status, status, `${execution} ${stream}`);
    if (status === 401) {
      assert.equal((await answer.json()).code, "UNAUTHORIZED");
    } else await answer.body!.cancel();
  }
});

Deno.test("change stream tells everything, or one execution, as it happens", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const answer = await t.ask("GET", `${BASE}/stream`);
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  assert.equal(answer.headers.get("cache-control"), "no-cache");
  await using all = readEvents(answer);
  const first = await anExecution(t, "demo.hello");
  await using one = readEvents(
    await t.ask("GET", `${BASE}/stream?execution_id=${first + 1}`),
  );
  const second = await anExecution(t, "demo.hello");
  await t.json(200, "POST", `${BASE}/${first}/cancel`);
  await t.json(200, "POST", `${BASE}/${second}/cancel`);
  const told = async (reader: typeof all, count: number) => {
    const seen = [];
    for (let n = 0; n < count; n++) {
      const { event, data } = (await reader.next())!;
      assert.equal(event, "message");
      const change = JSON.parse(data);
      seen.push([change.id, change.old_status, change.status]);
    }
    return seen;
  };
  assert.deepEqual(await told(all, 4), [
    [first, undefined, "requested"],
    [second, undefined, "requested"],
    [first, "requested", "cancelled"],
    [second, "requested", "cancelled"],
  ]);
  assert.deepEqual(await told(one, 2), [
    [second, undefined, "requested"],
    [second, "requested", "cancelled"],
  ]);
});

Deno.test("change stream is for one's own execution when an execution asks", async () => {
  await using t = await apiWorld();
  const token = await signExecutionToken(JWT_SECRET, {
    executionId: 7,
    actionRef: "demo.hello",
    packRef: "demo",
    permissionSetRefs: ["standard"],
    identityId: 1,
    ttlS: 60,
  });
  await t.json(403, "GET", `${BASE}/stream`, { token });
  await t.json(403, "GET", `${BASE}/stream?execution_id=8`, { token });
  const own = await t.ask("GET", `${BASE}/stream?execution_id=7`, { token });
  assert.equal(own.status, 200);
  await own.body!.cancel();
  const none = await t.json(401, "GET", `${BASE}/stream`, { token: null });
  assert.equal(none.code, "UNAUTHORIZED");
});

Deno.test("streams end when the server stops", async () => {
  await using t = await apiWorld();
  const run = await running(t);
  await using changes = readEvents(await t.ask("GET", `${BASE}/stream`));
  await using log = await follow(t, run.id);
  await log.next();
  await t.live[Symbol.asyncDispose]();
  assert.deepEqual(await changes.rest(), []);
  assert.deepEqual(await log.rest(), []);
  // One that comes too late ends at once.
  await using late = readEvents(await t.ask("GET", `${BASE}/stream`));
  assert.deepEqual(await late.rest(), []);
});

Deno.test("change stream lets go of a client that does not read", async () => {
  await using t = await apiWorld();
  const answer = await t.ask("GET", `${BASE}/stream`);
  const change = { id: 1, action_ref: "x".repeat(2000) };
  for (let n = 0; n < 20; n++) {
    t.bus.nudge(NUDGE.changed, { changes: Array(50).fill(change) });
  }
  // Another watcher sees the last one, so the slow one has had its chance.
  const { promise, resolve } = Promise.withResolvers<void>();
  using _watch = t.live.onChange(() => resolve());
  t.bus.nudge(NUDGE.changed, { changes: [change] });
  await promise;
  const events = await readEvents(answer).rest();
  assert.ok(events.length > 500 && events.length < 700, `${events.length}`);
});

Deno.test("streams end when the client leaves", async () => {
  await using t = await apiWorld();
  const run = await running(t);
  let followers = 0;
  const none = Promise.withResolvers<void>();
  const counted = (watch: Disposable): Disposable => {
    followers++;
    return {
      [Symbol.dispose]() {
        watch[Symbol.dispose]();
        if (--followers === 0) none.resolve();
      },
    };
  };
  const app = makeApp({
    ...t.deps,
    live: {
      ...t.live,
      onChange: (handler) => counted(t.live.onChange(handler)),
      onExecution: (id, handler) => counted(t.live.onExecution(id, handler)),
    },
  });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => app.fetch(request),
  );
  const url = `http://127.0.0.1:${server.addr.port}${BASE}`;
  const leave = new AbortController();
  const options = {
    headers: { authorization: `Bearer ${t.admin}` },
    signal: leave.signal,
  };
  const changes = await fetch(`${url}/stream`, options);
  const log = await fetch(`${url}/${run.id}/logs/stdout/stream`, options);
  assert.equal(followers, 2);
  leave.abort();
  await none.promise;
  await assert.rejects(changes.text());
  await assert.rejects(log.text());
});
