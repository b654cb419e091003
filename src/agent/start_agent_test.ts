import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type AgentWorld,
  agentWorld,
} from "../../tests/support/agent_world.ts";
import { fakeControlPlane } from "../../tests/support/fake_control_plane.ts";
import { until } from "../../tests/support/until.ts";
import { silentLog } from "../log.ts";
import { AGENT_DEFAULTS } from "./options.ts";
import { startAgent } from "./start_agent.ts";

const hold = (w: AgentWorld, n: number) =>
  Array.from(
    { length: n },
    () => w.plane.execute({ entry_point: "echo up; sleep 60" }),
  );

Deno.test("startAgent() registers with what it can do, and says goodbye", async () => {
  const dir = await Deno.makeTempDir();
  const plane = await fakeControlPlane();
  const options = {
    ...AGENT_DEFAULTS,
    apiUrl: plane.url,
    joinToken: "join-token",
    stateDir: join(dir, "state"),
    packsBaseDir: null,
    runtimeEnvsDir: dir,
    artifactsDir: dir,
    labels: { zone: "a" },
  };
  const agent = await startAgent(options, { log: silentLog, bus: plane.bus });
  const [registration] = plane.registrations;
  assert.equal(agent.workerId, 7);
  assert.match(registration!.name, /-[0-9a-f]{8}$/);
  assert.ok(registration!.name.endsWith(registration!.instance_id.slice(0, 8)));
  const { runtimes, runtime_versions, labels, isolation } =
    registration!.capabilities;
  assert.ok(
    ["deno", "native", "shell"].every((name) => runtimes.includes(name)),
  );
  assert.deepEqual(runtime_versions.deno, [Deno.version.deno]);
  assert.deepEqual([labels, isolation.level], [{ zone: "a" }, "none"]);
  await agent[Symbol.asyncDispose]();
  await agent[Symbol.asyncDispose]();
  assert.equal(plane.goodbyes, 1);

  const again = await startAgent(options, { log: silentLog, bus: plane.bus });
  assert.equal(plane.registrations[1]!.instance_id, registration!.instance_id);
  await again[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
  assert.equal((await Deno.stat(join(dir, "state"))).mode! & 0o777, 0o700);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("startAgent() refuses a state directory that another agent holds", async () => {
  await using w = await agentWorld();
  await assert.rejects(
    startAgent(w.options, { log: silentLog, bus: w.plane.bus }),
    { name: "StateDirHeld", message: /a directory of its own/ },
  );
});

Deno.test("startAgent() gives up when the control plane refuses it, and waits when that is away", async () => {
  await assert.rejects(agentWorldThatFails(), {
    name: "ApiRefused",
    status: 401,
  });
  let back: ReturnType<typeof setTimeout> | undefined;
  await using w = await agentWorld({
    prepare({ plane }) {
      plane.away = ["register"];
      back = setTimeout(() => plane.away = [], 600);
    },
  });
  clearTimeout(back);
  const said = w.lines.filter((line) => line.includes("answered with 503"));
  assert.equal(said.length, 1, said.join(""));
});

async function agentWorldThatFails() {
  const plane = await fakeControlPlane();
  const dir = await Deno.makeTempDir();
  try {
    await startAgent({
      ...AGENT_DEFAULTS,
      apiUrl: plane.url,
      joinToken: "wrong",
      stateDir: dir,
      runtimeEnvsDir: dir,
      artifactsDir: dir,
    }, { log: silentLog, bus: plane.bus });
  } finally {
    await plane[Symbol.asyncDispose]();
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("startAgent() registers again when its token is refused or its row is gone", async () => {
  await using w = await agentWorld({
    prepare: ({ plane }) => void (plane.heartbeatMs = 100),
  });
  for (const status of [401, 404]) {
    const before = w.plane.registrations.length;
    w.plane.refuseOnce = status;
    // deno-lint-ignore no-await-in-loop -- one after the other
    await w.plane.seen(() => w.plane.registrations.length > before);
  }
  const { outcome } = w.plane.execute({});
  assert.equal((await outcome).status, "completed");
});

Deno.test("an agent never runs more than its slots, and runs all", async () => {
  await using w = await agentWorld({ maxConcurrentExecutions: 3 });
  const works = Array.from(
    { length: 12 },
    () => w.plane.execute({ entry_point: "sleep 0.05" }),
  );
  let most = 0;
  const timer = setInterval(() => most = Math.max(most, w.agent.running), 5);
  await Promise.all(works.map(({ outcome }) => outcome));
  clearInterval(timer);
  assert.equal(most, 3);
  assert.ok(w.plane.claims.every(({ items }) => items.length <= 3));
});

Deno.test("an agent tells its free slots, what runs and what is unsettled", async () => {
  await using w = await agentWorld({
    maxConcurrentExecutions: 4,
    prepare({ plane }) {
      plane.heartbeatMs = 50;
      plane.confirms = false;
    },
  });
  const [held] = hold(w, 1);
  const done = await w.plane.execute({}).outcome;
  await w.plane.seen(() => {
    const last = w.plane.heartbeats.at(-1)!;
    return last.running.length === 1 && last.unsettled.length === 1;
  });
  const last = w.plane.heartbeats.at(-1)!;
  assert.equal(last.free_slots, 3);
  assert.deepEqual([last.running[0]!.id, last.unsettled[0]!.id], [
    held!.id,
    done.id,
  ]);
  w.plane.confirms = true;
  await w.plane.seen(() => w.plane.heartbeats.at(-1)!.unsettled.length === 0);
  w.plane.cancel(held!.id);
  await held!.outcome;
});

Deno.test("an outcome that nobody settles is sent again after two heartbeats", async () => {
  await using w = await agentWorld({
    prepare({ plane }) {
      plane.heartbeatMs = 50;
      plane.confirms = false;
    },
  });
  const first = await w.plane.execute({}).outcome;
  // The bus drops doubles, so the second try must come over the API.
  const { promise: again, resolve } = Promise.withResolvers<void>();
  const send = w.plane.bus.send.bind(w.plane.bus);
  w.plane.bus.send = (queue, messages) => {
    if (messages.some(({ id }) => id.startsWith(`${first.id}.`))) resolve();
    return send(queue, messages);
  };
  await again;
  w.plane.confirms = true;
});

Deno.test("an agent that stops waits for what runs, and takes nothing new", async () => {
  await using w = await agentWorld();
  const work = w.plane.execute({
    entry_point: "echo up; sleep 0.5; echo done",
  });
  await w.plane.seen(() => w.plane.logs.has(`${work.id}.stdout`));
  const stopped = w.agent[Symbol.asyncDispose]();
  const late = w.plane.execute({});
  await stopped;
  assert.equal((await work.outcome).result.stdout, "up\ndone\n");
  assert.ok(
    !w.plane.claims.some(({ items }) => items.some(({ id }) => id === late.id)),
  );
  assert.ok(w.plane.heartbeats.at(-1)!.stopping);
  assert.equal(await w.plane.bus.depth("work.0123456789abcdef"), 1);
});

Deno.test("an agent that stops ends what outlasts its patience, and reports it lost", async () => {
  await using w = await agentWorld({ shutdownTimeoutMs: 100 });
  const [work] = hold(w, 1);
  await w.plane.seen(() => w.plane.logs.has(`${work!.id}.stdout`));
  await w.agent[Symbol.asyncDispose]();
  const { status, reason, result } = await work!.outcome;
  assert.deepEqual([status, reason], ["failed", "lost"]);
  assert.match(result.error!, /worker was stopped/);
  assert.deepEqual(w.workDirs(), []);
});

Deno.test("an agent whose heartbeats fail ends only what would be run again", async () => {
  await using w = await agentWorld({
    killGraceMs: 200,
    prepare({ plane }) {
      plane.heartbeatMs = 100;
      plane.leaseMs = 3_600;
    },
  });
  const parts = { entry_point: "echo up; sleep 60", lease_ms: 3_600 };
  const again = w.plane.execute({ ...parts, rerun_when_lost: true });
  const once = w.plane.execute(parts);
  await w.plane.seen(() =>
    w.plane.logs.has(`${again.id}.stdout`) &&
    w.plane.logs.has(`${once.id}.stdout`)
  );
  assert.equal(w.agent.running, 2);
  w.plane.away = ["heartbeat"];
  await until("the end of one", () => w.agent.running === 1);
  assert.deepEqual(w.plane.queued, []);
  w.plane.away = [];
  const beats = w.plane.heartbeats.length;
  await w.plane.seen(() => w.plane.heartbeats.length > beats);
  assert.deepEqual(w.plane.heartbeats.at(-1)!.running.map(({ id }) => id), [
    once.id,
  ]);
  w.plane.cancel(once.id);
  assert.equal((await once.outcome).status, "cancelled");
});

Deno.test("an agent that cannot claim goes on asking", async () => {
  await using w = await agentWorld();
  w.plane.away = ["claim"];
  const work = w.plane.execute({});
  await until(
    "a complaint",
    () => w.lines.some((line) => line.includes("work is claimed later")),
  );
  w.plane.away = [];
  assert.equal((await work.outcome).status, "completed");
});

Deno.test("an agent asks again under the same lease for a claim whose answer was lost", async () => {
  await using w = await agentWorld();
  w.plane.loseClaimAnswer = true;
  const { outcome } = w.plane.execute({ entry_point: "echo once" });
  assert.equal((await outcome).result.stdout, "once\n");
  const [first, second] = w.plane.claims;
  assert.deepEqual(first, second);
});

Deno.test("an agent reports work that was claimed but cannot be run", async () => {
  await using w = await agentWorld();
  const work = w.plane.execute({
    fault: { lease: "l", reason: "secret_unavailable", message: "no key" },
  });
  const { status, reason, result } = await work.outcome;
  assert.deepEqual([status, reason, result], ["failed", "secret_unavailable", {
    succeeded: false,
    error: "no key",
  }]);
});

Deno.test("outcomes survive a bus and a control plane that are away, and a restart", async () => {
  await using w = await agentWorld();
  const send = w.plane.bus.send.bind(w.plane.bus);
  w.plane.bus.send = (queue, messages) =>
    queue === "outcome"
      ? Promise.reject(new Error("no bus"))
      : send(queue, messages);
  w.plane.away = ["outcomes"];
  const work = w.plane.execute({ entry_point: "echo kept" });
  const spool = join(w.options.stateDir, "spool");
  const files = () => [...Deno.readDirSync(spool)].map((entry) => entry.name);
  await until("a file", () => files().some((name) => name.endsWith(".json")));
  assert.equal(Deno.statSync(join(spool, files()[0]!)).mode! & 0o777, 0o600);
  await w.agent[Symbol.asyncDispose]();
  assert.deepEqual(files(), [`${work.id}.1.json`]);

  w.plane.away = [];
  await using next = await startAgent(w.options, {
    log: w.log,
    bus: w.plane.bus,
  });
  assert.equal((await work.outcome).result.stdout, "kept\n");
  const [before, after] = w.plane.registrations;
  assert.deepEqual(before!.held, []);
  assert.deepEqual(after!.held!.map(({ id }) => id), [work.id]);
  assert.equal(w.plane.posted.length, 1);
  await until("an empty spool", () => files().length === 0);
  assert.equal(next.running, 0);
});
