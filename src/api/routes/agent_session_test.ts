// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow one another
import assert from "node:assert/strict";
import { SignJWT } from "jose";
import {
  anAction,
  type Answer,
  type ApiWorld,
  apiWorld,
  aWorker,
  CAPABILITIES,
  changesOf,
  claimed,
  JOIN_TOKEN,
  JWT_SECRET,
} from "../../../tests/support/api_world.ts";
import { until } from "../../../tests/support/until.ts";
import { NUDGE } from "../../domain/changes.ts";

const AGENT = "/api/v1/agent";
const body = {
  instance_id: "an-instance-id",
  name: "worker-a",
  worker_type: "local",
  host: "here",
  capabilities: CAPABILITIES,
};

/** Counts nudges of a subject; bus order makes a later nudge of our own the end of what came before. */
async function countNudges(t: ApiWorld, subject: string) {
  let count = 0;
  let reached: (() => void) | undefined;
  const watch = await t.bus.watch<{ mark?: true }>(subject, ({ mark }) => {
    if (mark) reached?.();
    else count++;
  });
  return {
    async so_far() {
      const { promise, resolve } = Promise.withResolvers<void>();
      reached = resolve;
      t.bus.nudge(subject, { mark: true });
      await promise;
      return count;
    },
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  };
}

function beat(
  t: ApiWorld,
  token: string,
  more: Record<string, unknown> = {},
): Promise<Answer> {
  return t.json(200, "POST", `${AGENT}/heartbeat`, {
    token,
    body: { free_slots: 4, running: [], unsettled: [], ...more },
  });
}

Deno.test("register makes a worker known and says how to go on", async () => {
  await using t = await apiWorld({ publicUrl: "https://attune.example" });
  await anAction(t.sql, "demo.hello");
  await t
    .sql`insert into runtime_version (runtime, version, position, execution_config)
    select id, '5.2', 0, '{"z":1,"a":2}' from runtime`;
  using fleet = await countNudges(t, NUDGE.fleet);
  const answer = await aWorker(t);
  assert.equal(answer.heartbeat_ms, 5000);
  assert.equal(answer.lease_ms, 15000);
  assert.equal(answer.api_url, "https://attune.example");
  assert.deepEqual(answer.bus, { kind: "embedded" });
  assert.deepEqual(answer.runtimes, [{
    ref: "core.shell",
    name: "shell",
    aliases: [],
    distributions: {},
    execution_config: { interpreter: { binary: "sh" } },
    versions: [{
      version: "5.2",
      is_default: false,
      distributions: {},
      execution_config: { z: 1, a: 2 },
      meta: {},
    }],
  }]);
  assert.equal(await fleet.so_far(), 1);
  const [row] = await t.sql<Answer[]>`select * from worker`;
  assert.equal(row.id, answer.worker_id);
  assert.equal(row.status, "active");
  assert.deepEqual(row.capabilities, CAPABILITIES);
});

Deno.test("register needs the join token", async () => {
  await using t = await apiWorld();
  for (const token of [null, "wrong", JOIN_TOKEN + "x", t.admin]) {
    const answer = await t.json(401, "POST", `${AGENT}/register`, {
      token,
      body,
    });
    assert.match(answer.message, /ATTUNE__SECURITY__AGENT_JOIN_TOKEN/);
  }
  await using closed = await apiWorld({ joinToken: null });
  await closed.json(401, "POST", `${AGENT}/register`, {
    token: JOIN_TOKEN,
    body,
  });
});

Deno.test("register names every fault of the request", async () => {
  await using t = await apiWorld();
  const answer = await t.json(422, "POST", `${AGENT}/register`, {
    token: JOIN_TOKEN,
    body: { ...body, name: "", capabilities: { ...CAPABILITIES, labels: 1 } },
  });
  assert.equal(answer.error, "VALIDATION_ERROR");
  assert.match(answer.message, /name: .*capabilities\.labels: /);
});

Deno.test("register of the same instance ends what its former process held", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello", { idempotent: true });
  await anAction(t.sql, "demo.once");
  const first = await aWorker(t, { instance_id: "the-same-instance" });
  const again = await claimed(t, first, "demo.hello");
  const once = await claimed(t, first, "demo.once");
  using changes = await changesOf(t.bus);
  const second = await aWorker(t, { instance_id: "the-same-instance" });
  assert.equal(second.worker_id, first.worker_id);
  await until("the changes", () => changes.seen.length === 2);
  assert.deepEqual(
    changes.seen.map(({ id, status }) => [id, status]),
    [[again.id, "requested"], [once.id, "abandoned"]],
  );
});

Deno.test("register with a name that another live instance holds says so", async () => {
  await using t = await apiWorld();
  await aWorker(t);
  const answer = await t.json(409, "POST", `${AGENT}/register`, {
    token: JOIN_TOKEN,
    body,
  });
  assert.match(answer.message, /"worker-a" is held .*ATTUNE_AGENT_NAME/);
});

Deno.test("register takes over the name of one that fell silent or left", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.once");
  const first = await aWorker(t);
  const item = await claimed(t, first, "demo.once");
  await t.sql`update worker set last_heartbeat = now() - interval '1 minute'`;
  const second = await aWorker(t);
  assert.equal(second.worker_id, first.worker_id);
  const [row] = await t.sql<
    Answer[]
  >`select status from execution where id = ${item.id}`;
  assert.equal(row.status, "abandoned");
  await t.json(200, "POST", `${AGENT}/goodbye`, { token: second.token });
  const third = await aWorker(t);
  assert.equal(third.worker_id, first.worker_id);
});

Deno.test("register does not take the name of one that is still stopping", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.once");
  const first = await aWorker(t);
  await claimed(t, first, "demo.once");
  await beat(t, first.token, { stopping: true });
  await t.json(409, "POST", `${AGENT}/register`, { token: JOIN_TOKEN, body });
});

Deno.test("register under a new name keeps the row, and frees a dead namesake's", async () => {
  await using t = await apiWorld();
  const dead = await aWorker(t, { name: "worker-b" });
  await t.sql`update worker set last_heartbeat = now() - interval '1 minute'`;
  const first = await aWorker(t, {
    name: "worker-a",
    instance_id: "instance-1",
  });
  const renamed = await aWorker(t, {
    name: "worker-b",
    instance_id: "instance-1",
  });
  assert.equal(renamed.worker_id, first.worker_id);
  const rows = await t.sql<Answer[]>`select id, name from worker`;
  assert.deepEqual([...rows], [{ id: first.worker_id, name: "worker-b" }]);
  await t.json(401, "POST", `${AGENT}/heartbeat`, {
    token: dead.token,
    body: { free_slots: 1, running: [], unsettled: [] },
  });
});

Deno.test("register of many at the same moment gives the name to one", async () => {
  await using t = await apiWorld();
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, i) =>
      t.ask("POST", `${AGENT}/register`, {
        token: JOIN_TOKEN,
        body: { ...body, instance_id: `instance-${i}` },
      })),
  );
  const statuses = answers.map(({ status }) => status).toSorted();
  assert.deepEqual(statuses, [200, 409, 409, 409, 409, 409]);
});

Deno.test("heartbeat tells keys, and nudges the fleet only when something is new", async () => {
  await using t = await apiWorld();
  const { worker_id, token } = await aWorker(t);
  await t
    .sql`insert into requirement (key, body) values ('key1', '{}'), ('key2', '{}')`;
  await t.sql`insert into worker_requirement (worker, key)
    values (${worker_id}, 'key2'), (${worker_id}, 'key1')`;
  using fleet = await countNudges(t, NUDGE.fleet);
  assert.deepEqual(await beat(t, token), {
    keys: ["key1", "key2"],
    cancel: [],
    gone: [],
  });
  await beat(t, token, { capabilities: CAPABILITIES, free_slots: 2 });
  assert.equal(await fleet.so_far(), 0);
  const [row] = await t.sql<Answer[]>`select free_slots from worker`;
  assert.equal(row.free_slots, 2);
  await beat(t, token, {
    capabilities: { ...CAPABILITIES, labels: { zone: "a" } },
  });
  assert.equal(await fleet.so_far(), 1);
  await t.sql`update worker set last_heartbeat = now() - interval '1 minute'`;
  await beat(t, token);
  assert.equal(await fleet.so_far(), 2);
  await beat(t, token);
  assert.equal(await fleet.so_far(), 2);
});

Deno.test("heartbeat of one that is stopping gives it nothing new, but its leases", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const item = await claimed(t, worker, "demo.hello");
  await t.sql`insert into requirement (key, body) values ('key1', '{}')`;
  await t
    .sql`insert into worker_requirement values (${worker.worker_id}, 'key1')`;
  using fleet = await countNudges(t, NUDGE.fleet);
  const held = { id: item.id, attempt: 1, lease: item.spec.lease };
  for (let n = 0; n < 2; n++) {
    assert.deepEqual(
      await beat(t, worker.token, { stopping: true, running: [held] }),
      { keys: [], cancel: [], gone: [] },
    );
  }
  assert.equal(await fleet.so_far(), 1);
});

Deno.test("heartbeat renews leases, and tells what to cancel and what is gone", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const other = await aWorker(t, { name: "worker-b" });
  const [keep, cancel, foreign, unsettled] = [
    await claimed(t, worker, "demo.hello"),
    await claimed(t, worker, "demo.hello"),
    await claimed(t, other, "demo.hello"),
    await claimed(t, worker, "demo.hello"),
  ];
  await t.json(200, "POST", `/api/v1/executions/${cancel.id}/cancel`);
  await t.sql`update execution set lease_until = now() + interval '1 second'`;
  const held = ({ id, spec }: Answer) => ({
    id,
    attempt: 1,
    lease: spec.lease,
  });
  const answer = await beat(t, worker.token, {
    running: [held(keep), held(cancel), held(foreign), {
      ...held(keep),
      attempt: 2,
    }],
    unsettled: [held(unsettled)],
  });
  assert.deepEqual(answer.cancel, [{ id: cancel.id, attempt: 1 }]);
  assert.deepEqual(
    answer.gone.toSorted((a: Answer, b: Answer) => a.attempt - b.attempt),
    [{ id: foreign.id, attempt: 1 }, { id: keep.id, attempt: 2 }],
  );
  const renewed = await t.sql<{ id: number }[]>`
    select id from execution where lease_until > now() + interval '10 seconds' order by id`;
  assert.deepEqual(renewed.map(({ id }) => id), [
    keep.id,
    cancel.id,
    unsettled.id,
  ]);
});

Deno.test("heartbeat renews a token in the second half of its life", async () => {
  await using t = await apiWorld();
  const { worker_id, token } = await aWorker(t);
  assert.equal((await beat(t, token)).token, undefined);
  const now = Math.floor(Date.now() / 1000);
  const old = await new SignJWT({
    login: `worker:${worker_id}`,
    token_type: "worker",
    metadata: { worker_id },
  }).setProtectedHeader({ alg: "HS256" }).setSubject("1")
    .setIssuedAt(now - 50_000).setExpirationTime(now + 36_400)
    .sign(new TextEncoder().encode(JWT_SECRET));
  const renewed = (await beat(t, old)).token;
  assert.equal((await beat(t, renewed)).token, undefined);
});

Deno.test("heartbeat of a worker that is gone says to register again", async () => {
  await using t = await apiWorld();
  const { token } = await aWorker(t);
  await t.sql`delete from worker`;
  const answer = await t.json(401, "POST", `${AGENT}/heartbeat`, {
    token,
    body: { free_slots: 1, running: [], unsettled: [] },
  });
  assert.match(answer.message, /register again/);
});

Deno.test("goodbye takes a worker out at once, twice without harm", async () => {
  await using t = await apiWorld();
  const { token } = await aWorker(t);
  using fleet = await countNudges(t, NUDGE.fleet);
  await t.json(200, "POST", `${AGENT}/goodbye`, { token });
  await t.json(200, "POST", `${AGENT}/goodbye`, { token, body: {} });
  const [row] = await t.sql<Answer[]>`select status from worker`;
  assert.equal(row.status, "inactive");
  assert.ok(await fleet.so_far() > 0);
});

Deno.test("agent endpoints take worker tokens only, and those nothing else", async () => {
  await using t = await apiWorld();
  const { token } = await aWorker(t);
  for (const path of ["heartbeat", "claim", "phase", "logs", "outcomes"]) {
    const answer = await t.json(403, "POST", `${AGENT}/${path}`, { body: {} });
    assert.equal(answer.error, "FORBIDDEN");
    await t.json(401, "POST", `${AGENT}/${path}`, { token: null, body: {} });
  }
  await t.json(403, "GET", "/api/v1/executions", { token });
});
