import assert from "node:assert/strict";
import type { OutcomeReport } from "../domain/agent_protocol.ts";
import { silentLog } from "../log.ts";
import { ApiAway, ApiRefused } from "./api_client.ts";
import { openOutcomeSpool } from "./outcome_spool.ts";
import { until } from "../../tests/support/until.ts";

function report(id: number, stdout = ""): OutcomeReport {
  return {
    id,
    attempt: 1,
    lease: `lease-${id}`,
    worker_id: 1,
    status: "completed",
    reason: null,
    result: { succeeded: true, stdout },
    isolation: null,
    usage: null,
    logs: [],
  };
}

/** A spool between a bus and an API that can be switched off. */
async function world({ memoryBytes }: { memoryBytes?: number } = {}) {
  const dir = await Deno.makeTempDir();
  const w = {
    dir,
    bus: [] as string[],
    api: [] as number[],
    busAway: false,
    apiAway: false,
    refused: [] as number[],
    poison: undefined as number | undefined,
    files: () => [...Deno.readDirSync(dir)].map(({ name }) => name).sort(),
    open: () =>
      openOutcomeSpool({
        dir,
        log: silentLog,
        ...(memoryBytes !== undefined && { memoryBytes }),
        sendBus(messages) {
          if (w.busAway) return Promise.reject(new Error("no bus"));
          w.bus.push(...messages.map(({ id }) => id));
          return Promise.resolve();
        },
        sendApi(outcomes) {
          if (w.apiAway) return Promise.reject(new ApiAway("no API"));
          if (outcomes.some(({ id }) => id === w.poison)) {
            return Promise.reject(new ApiRefused(422, "cannot read"));
          }
          w.api.push(...outcomes.map(({ id }) => id));
          return Promise.resolve({
            refused: w.refused.map((id) => ({ id, attempt: 1 })),
          });
        },
      }),
    async [Symbol.asyncDispose]() {
      await Deno.remove(dir, { recursive: true });
    },
  };
  return w;
}

const now = () => AbortSignal.timeout(5_000);

Deno.test("openOutcomeSpool() sends over the bus and keeps the outcome until it is settled", async () => {
  await using w = await world();
  await using spool = await w.open();
  spool.add(report(1));
  await spool.drained(now());
  assert.deepEqual(w.bus, ["1.1.lease-1"]);
  assert.deepEqual(spool.unsettled(), [{
    id: 1,
    attempt: 1,
    lease: "lease-1",
  }]);
  spool.confirm(spool.unsettled(), new Set(["1.1"]));
  assert.deepEqual([spool.unsettled(), w.files()], [[], []]);
});

Deno.test("openOutcomeSpool() sends again what two heartbeats did not confirm", async () => {
  await using w = await world();
  await using spool = await w.open();
  spool.add(report(1));
  await spool.drained(now());
  for (const sends of [1, 2, 2, 3]) {
    spool.confirm(spool.unsettled(), new Set());
    // deno-lint-ignore no-await-in-loop -- one heartbeat after the other
    await spool.drained(now());
    assert.equal(w.bus.length, sends);
  }
});

Deno.test("openOutcomeSpool() confirms only the lease that was reported", async () => {
  await using w = await world();
  await using spool = await w.open();
  spool.add(report(1));
  spool.confirm([{ id: 1, attempt: 1, lease: "older" }], new Set(["1.1"]));
  assert.equal(spool.size, 1);
});

Deno.test("openOutcomeSpool() sends secrets and what is too large to the API only", async () => {
  await using w = await world();
  await using spool = await w.open();
  spool.add(report(1), { secret: true });
  spool.add(report(2, "x".repeat(1_000_000)));
  spool.add(report(3));
  await spool.drained(now());
  assert.deepEqual([w.bus, w.api], [["3.1.lease-3"], [1, 2]]);
});

Deno.test("openOutcomeSpool() takes the API when the bus is away", async () => {
  await using w = await world();
  await using spool = await w.open();
  w.busAway = true;
  spool.add(report(1));
  await spool.drained(now());
  assert.deepEqual([w.bus, w.api, w.files()], [[], [1], []]);
});

Deno.test("openOutcomeSpool() forgets what the API says is somebody else's", async () => {
  await using w = await world();
  await using spool = await w.open();
  w.busAway = true;
  w.refused = [1];
  spool.add(report(1));
  await spool.drained(now());
  assert.equal(spool.size, 0);
});

Deno.test("openOutcomeSpool() lets no unreadable outcome hold up the others", async () => {
  await using w = await world();
  await using spool = await w.open();
  w.busAway = true;
  w.poison = 2;
  for (const id of [1, 2, 3]) spool.add(report(id));
  await spool.drained(now());
  assert.deepEqual(w.api.sort(), [1, 3]);
  assert.deepEqual(spool.unsettled().map(({ id }) => id), [1, 3]);
});

Deno.test("openOutcomeSpool() writes down what goes nowhere, private, and sends it when that ends", async () => {
  await using w = await world();
  await using spool = await w.open();
  w.busAway = w.apiAway = true;
  spool.add(report(1));
  await until("a file", () => w.files().length === 1);
  assert.equal(Deno.statSync(`${w.dir}/1.1.json`).mode! & 0o777, 0o600);
  w.busAway = false;
  spool.retryNow();
  await spool.drained(now());
  assert.deepEqual(w.bus, ["1.1.lease-1"]);
  spool.confirm(spool.unsettled(), new Set(["1.1"]));
  await until("no file", () => w.files().length === 0);
});

Deno.test("openOutcomeSpool() sends what a former life left, secrets still to the API, and drops what is damaged", async () => {
  await using w = await world();
  w.busAway = w.apiAway = true;
  {
    await using spool = await w.open();
    spool.add(report(1));
    spool.add(report(2), { secret: true });
  }
  assert.deepEqual(w.files(), ["1.1.json", "2.1.json"]);
  await Deno.writeTextFile(`${w.dir}/3.1.json`, "{");
  await Deno.writeTextFile(`${w.dir}/4.1.json.new`, "{}");
  w.busAway = w.apiAway = false;
  await using spool = await w.open();
  await spool.drained(now());
  assert.deepEqual([w.bus, w.api], [["1.1.lease-1"], [2]]);
  assert.deepEqual(w.files(), ["1.1.json", "2.1.json"]);
});

Deno.test("openOutcomeSpool() keeps its memory bounded however long the outage", async () => {
  await using w = await world({ memoryBytes: 1_000_000 });
  await using spool = await w.open();
  w.busAway = w.apiAway = true;
  for (let id = 1; id <= 40; id++) spool.add(report(id, "x".repeat(200_000)));
  await until(
    "files",
    () => w.files().filter((f) => f.endsWith(".json")).length >= 35,
  );
  w.busAway = false;
  spool.retryNow();
  await spool.drained(now());
  assert.equal(new Set(w.bus).size, 40);
});
