import assert from "node:assert/strict";
import {
  anAction,
  apiWorld,
  aWorker,
  CAPABILITIES,
  claimed,
} from "../../../tests/support/api_world.ts";

const BASE = "/api/v1/workers";

Deno.test("GET /workers/{id} answers the bare worker with its derived values", async () => {
  await using t = await apiWorld();
  const { worker_id: id } = await aWorker(t);
  await t.sql`update worker set last_heartbeat = now() - interval '3.9 s',
    capabilities = capabilities || '{"runtimes":["shell","python"],"runtime_versions":{"python":["3.12.3"]},"max_concurrent_sensors":null}'`;
  const worker = await t.json(200, "GET", `${BASE}/${id}`);
  const { created, updated, last_heartbeat, host, ...rest } = worker;
  assert.ok(created && updated && last_heartbeat && host);
  assert.deepEqual(rest, {
    id,
    name: "worker-a",
    worker_type: "local",
    worker_role: "action",
    port: null,
    status: "active",
    heartbeat_age_seconds: 3,
    heartbeat_stale: false,
    cordoned: false,
    cordon_reason: null,
    cordoned_by: null,
    cordoned_at: null,
    health_state: "active",
    supported_runtimes: [
      { name: "python", versions: ["3.12.3"] },
      { name: "shell", versions: [] },
    ],
    load: {
      requested: 0,
      scheduling: 0,
      scheduled: 0,
      running: 0,
      canceling: 0,
      total_active: 0,
      max_concurrent_executions: 4,
      max_concurrent_sensors: null,
      utilization_percent: 0,
      queue_depth: null,
      sensor_processes_running: null,
      sensor_processes_monitored: null,
      active_rules: null,
    },
    isolation: { ...CAPABILITIES.isolation },
  });
  await t.json(404, "GET", `${BASE}/99`);
});

Deno.test("workers with executions are busy, and their load is counted", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  await claimed(t, worker, "demo.hello");
  const { id } = await claimed(t, worker, "demo.hello");
  await claimed(t, worker, "demo.hello");
  await t.sql`update execution set status = 'canceling' where id = ${id}`;
  const { status, health_state, load } = await t.json(
    200,
    "GET",
    `${BASE}/${worker.worker_id}`,
  );
  assert.deepEqual([status, health_state], ["busy", "busy"]);
  assert.deepEqual(
    [load.running, load.canceling, load.total_active, load.utilization_percent],
    [2, 1, 3, 75],
  );
});

Deno.test("GET /workers filters and counts by derived values", async (test) => {
  await using t = await apiWorld();
  const add = (name: string, columns: Record<string, unknown>, age = "1 s") =>
    t.sql`insert into worker ${
      t.sql(
        { instance_id: name, name, worker_type: "local", ...columns } as Record<
          string,
          string
        >,
      )
    } returning id`.then(([row]) =>
      t.sql`update worker set last_heartbeat = now() - ${age}::text::interval where id = ${
        row!.id
      }`
    );
  await add("a-active", {});
  await add("b-stale", {}, "16 s");
  await add("c-cordoned", { cordoned: true }, "16 s");
  await add("d-error", { status: "error" });
  await add("e-inactive", { status: "inactive" });
  await add("f-sensors", { worker_role: "sensor" });
  await t
    .sql`update worker set capabilities = '{"sensor_processes_running":2,"max_concurrent_sensors":3}' where name = 'f-sensors'`;
  await add("g-never", {});
  await t.sql`update worker set last_heartbeat = null where name = 'g-never'`;
  const cases: [string, string[]][] = [
    ["", [
      "a-active",
      "b-stale",
      "c-cordoned",
      "d-error",
      "e-inactive",
      "f-sensors",
      "g-never",
    ]],
    ["?status=busy", ["f-sensors"]],
    ["?status=active", ["a-active", "b-stale", "c-cordoned", "g-never"]],
    ["?health_state=active", ["a-active"]],
    ["?health_state=offline", ["b-stale", "e-inactive", "g-never"]],
    ["?health_state=cordoned", ["c-cordoned"]],
    ["?health_state=error", ["d-error"]],
    ["?health_state=busy&role=sensor", ["f-sensors"]],
    ["?cordoned=true", ["c-cordoned"]],
    ["?cordoned=false&role=action&status=active", [
      "a-active",
      "b-stale",
      "g-never",
    ]],
  ];
  for (const [query, names] of cases) {
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await test.step(query, async () => {
      const { items, pagination } = await t.json(200, "GET", BASE + query);
      assert.deepEqual(items.map((w: { name: string }) => w.name), names);
      assert.equal(pagination.total_items, names.length);
    });
  }
  const { items } = await t.json(200, "GET", BASE);
  const never = items[6];
  assert.deepEqual([
    never.heartbeat_age_seconds,
    never.heartbeat_stale,
    never.isolation,
  ], [null, true, null]);
  assert.equal(items[5].load.utilization_percent, 67);
});

Deno.test("cordon and uncordon answer the worker and tell the fleet", async () => {
  await using t = await apiWorld();
  const { worker_id: id } = await aWorker(t);
  let fleet = 0;
  using _watch = await t.bus.watch("fleet", () => fleet++);
  const cordon = (body?: unknown, headers = {}) =>
    t.json(200, "POST", `${BASE}/${id}/cordon`, { body, headers });
  const first = await cordon({ reason: "  upgrade " });
  assert.deepEqual([first.cordoned, first.cordon_reason, first.health_state], [
    true,
    "upgrade",
    "cordoned",
  ]);
  assert.equal(typeof first.cordoned_by, "number");
  assert.match(first.cordoned_at, /\.\d{6}\+00:00$/);
  for (const body of [undefined, {}, { reason: null }, { reason: " " }]) {
    // deno-lint-ignore no-await-in-loop
    assert.equal((await cordon(body)).cordon_reason, null);
  }
  // As `curl -X POST -d ''` sends it.
  await cordon(undefined, {
    "content-type": "application/x-www-form-urlencoded",
  });
  await t.json(415, "POST", `${BASE}/${id}/cordon`, { body: "reason=x" });
  const free = await t.json(200, "POST", `${BASE}/${id}/uncordon`);
  assert.deepEqual(
    [free.cordoned, free.cordon_reason, free.cordoned_by, free.cordoned_at],
    [false, null, null, null],
  );
  assert.equal(fleet, 7);
  await t.json(404, "POST", `${BASE}/99/cordon`);
  await t.json(404, "POST", `${BASE}/99/uncordon`);
});

Deno.test("workers need their permissions", async () => {
  await using t = await apiWorld();
  const { worker_id: id } = await aWorker(t);
  const nobody = { token: await t.as([]) };
  const reader = {
    token: await t.as([{ resource: "workers", actions: ["read"] }]),
  };
  await t.json(403, "GET", BASE, nobody);
  await t.json(403, "GET", `${BASE}/${id}`, nobody);
  await t.json(200, "GET", `${BASE}/${id}`, reader);
  await t.json(403, "POST", `${BASE}/${id}/cordon`, reader);
  await t.json(403, "POST", `${BASE}/${id}/uncordon`, reader);
});
