import assert from "node:assert/strict";
import { isTerminal } from "../../src/domain/execution.ts";
import {
  serversMissing,
  type Stack,
  startEmbedded,
  startOnServers,
} from "../support/stack.ts";
import { processesOf } from "../support/processes.ts";
import { until } from "../support/until.ts";

const FAULTS = new URL("../fixtures/packs/faults", import.meta.url).pathname;
const missing = serversMissing();
const WITHIN = { withinMs: 90_000 };

/** Accepts executions at a steady pace until told to stop; refused requests are not accepted and do not count. */
function keepAsking(stack: Stack, actionRef: string) {
  const accepted: number[] = [];
  let going = true;
  const asking = (async () => {
    while (going) {
      // deno-lint-ignore no-await-in-loop -- a steady stream of requests
      await stack.client.execute(actionRef, { seconds: 0 })
        .then((id) => accepted.push(id), () => {});
    }
  })();
  return {
    accepted,
    async stop() {
      going = false;
      await asking;
    },
  };
}

async function allTerminal(stack: Stack, ids: number[]) {
  return await until(`${ids.length} executions to end`, async () => {
    const all = await Promise.all(ids.map((id) => stack.client.get(id)));
    return all.every((e) => isTerminal(e.status)) && all;
  }, { ...WITHIN, everyMs: 500 });
}

/** Shows what became of those that did not complete. */
async function allCompleted(stack: Stack, ids: number[]) {
  const ends = await allTerminal(stack, ids);
  assert.deepEqual(
    ends.filter((e) => e.status !== "completed")
      .map((e) => [e.id, e.status, e.reason, e.result.error]),
    [],
  );
}

/** Past preparation: losing an attempt that has not begun costs nothing. */
async function spawned(stack: Stack, id: number, command: string) {
  await until(
    `${command} of execution ${id}`,
    async () => (await processesOf(stack.url, id)).includes(command),
  );
}

async function registerFaults(stack: Stack) {
  await stack.client.call("POST", "/api/v1/packs/register", { path: FAULTS });
}

for (const role of ["api", "scheduler"]) {
  Deno.test({
    name: `kill -9 of the ${role} under load loses no accepted execution`,
    ignore: missing !== undefined,
    fn: async () => {
      await using stack = await startOnServers();
      await registerFaults(stack);
      const load = keepAsking(stack, "core.noop");
      await until("a load", () => load.accepted.length >= 30);
      await stack.restart(role);
      const before = load.accepted.length;
      await until("more load", () => load.accepted.length >= before + 30);
      await load.stop();
      await allCompleted(stack, load.accepted);
    },
  });
}

Deno.test({
  name: "kill -9 of NATS under load loses no accepted execution",
  ignore: missing !== undefined,
  fn: async () => {
    await using stack = await startOnServers();
    await registerFaults(stack);
    const load = keepAsking(stack, "core.noop");
    await until("a load", () => load.accepted.length >= 30);
    await stack.killBus();
    const before = load.accepted.length;
    await until("load without a bus", () => load.accepted.length >= before + 5);
    await stack.restartBus();
    await load.stop();
    await allCompleted(stack, load.accepted);
  },
});

Deno.test({
  name: "kill -9 of an agent hands its idempotent work to another",
  ignore: missing !== undefined,
  fn: async () => {
    await using stack = await startOnServers({ agents: 2 });
    await registerFaults(stack);
    const id = await stack.client.execute("faults.again_when_lost");
    const first = await until("the first attempt", async () => {
      const e = await stack.client.get(id);
      return e.status === "running" && e.worker !== null && e;
    });
    const workers = await stack.client.call<
      { items: { id: number; name: string }[] }
    >("GET", "/api/v1/workers");
    const role = workers.items.find((w) => w.id === first.worker)!.name;
    await spawned(stack, id, "sleep 100");
    const killed = performance.now();
    stack.programs[role]!.signal("SIGKILL");
    const done = await stack.client.finished(id, 40_000);
    const seconds = (performance.now() - killed) / 1000;
    assert.equal(done.status, "completed");
    assert.equal(done.attempt, 2);
    assert.equal(done.result.stdout, "attempt 2\n");
    // 15 s of lease and a second of sweep; the rest is the machine.
    assert.ok(seconds < 35, `${seconds} s`);
  },
});

Deno.test({
  name: "kill -9 of an agent ends its other work as abandoned, lost",
  ignore: missing !== undefined,
  fn: async () => {
    await using stack = await startOnServers();
    await registerFaults(stack);
    const id = await stack.client.execute("faults.sleeps", { seconds: 100 });
    await spawned(stack, id, "sleep 100");
    await stack.restart("agent");
    const done = await stack.client.finished(id, 40_000);
    assert.equal(done.status, "abandoned");
    assert.equal(done.reason, "lost");
  },
});

Deno.test("kill -9 of the whole embedded stack loses no accepted execution", async () => {
  await using stack = await startEmbedded();
  await registerFaults(stack);
  const load = keepAsking(stack, "core.noop");
  const again = await stack.client.execute("faults.again_when_lost");
  await until("a load", () => load.accepted.length >= 30);
  await spawned(stack, again, "sleep 100");
  await stack.restart("start");
  await load.stop();
  const ends = await allTerminal(stack, [...load.accepted, again]);
  const odd = ends.filter((e) =>
    e.status !== "completed" &&
    !(e.status === "abandoned" && e.reason === "lost")
  );
  assert.deepEqual(odd.map((e) => [e.id, e.status, e.reason]), []);
  assert.equal(ends.at(-1)!.status, "completed");
  assert.equal(ends.at(-1)!.attempt, 2);
});

Deno.test({
  name: "SIGTERM to an agent lets running work finish and takes nothing new",
  ignore: missing !== undefined,
  fn: async () => {
    await using stack = await startOnServers({ agents: 2 });
    await registerFaults(stack);
    const ids = await Promise.all(
      Array.from(
        { length: 6 },
        () => stack.client.execute("faults.sleeps", { seconds: 2 }),
      ),
    );
    await until(
      "all to run",
      async () =>
        (await Promise.all(ids.map((id) => stack.client.get(id))))
          .every((e) => e.status === "running"),
    );
    stack.programs.agent1!.signal("SIGTERM");
    const later = await Promise.all(
      Array.from({ length: 6 }, () => stack.client.execute("core.noop")),
    );
    const ends = await allTerminal(stack, [...ids, ...later]);
    assert.deepEqual(
      new Set(ends.map((e) => e.status)),
      new Set(["completed"]),
    );
    assert.equal((await stack.programs.agent1!.status).code, 0);
  },
});
