import assert from "node:assert/strict";
import {
  anAction,
  aPack,
  aRule,
  aRuntime,
  aSensor,
  aTrigger,
} from "../../tests/support/a_pack.ts";
import { testDb } from "../../tests/support/test_db.ts";
import type { LoadReport, Pack } from "../domain/pack.ts";
import type { Db } from "./connect.ts";
import { PackExists, storePack } from "./store_pack.ts";

const done = () => Promise.resolve();

function load(sql: Db, given: Partial<Pack>): Promise<LoadReport> {
  return storePack(sql, aPack(given), { contentHash: "c0ffee", inPlace: done });
}

Deno.test("storePack() stores every kind, with what the files say", async () => {
  await using t = await testDb();
  const report = await load(t.sql, {
    enabled: false,
    is_standard: true,
    config: { z: 1, a: 2 },
    tags: ["x", "y"],
    testing: { enabled: true },
    permission_sets: [{
      ref: "acme.ops",
      label: null,
      description: "d",
      grants: [{ resource: "actions", actions: ["read"] }],
      file: "acme/permission_sets/ops.yaml",
    }],
    runtimes: [aRuntime({ aliases: ["lua5"] })],
    triggers: [aTrigger({ parameters: { b: {}, a: {} } })],
    actions: [anAction({
      parameters: { zone: { type: "string" }, area: { default: null } },
      timeout: 1.5,
      resources: { memory_mb: 5 },
      worker_tolerations: [],
      default_execution_permission_set_refs: ["acme.ops"],
      examples: [{ a: "ä\n" }],
    })],
    rules: [aRule({ permission_set_refs: [], conditions: [{ field: "a" }] })],
    sensors: [aSensor({ trigger_types: ["acme.seen"], config: { q: [1] } })],
  });
  assert.deepEqual(report, {
    pack_ref: "acme",
    version: "1.0.0",
    created: [
      "acme.ops",
      "acme.lua",
      "acme.seen",
      "acme.sync",
      "acme.nightly",
      "acme.watch",
    ],
    updated: [],
    removed: [],
    skipped: [],
    warnings: [],
  });
  const [pack] = await t.sql`
    select enabled, is_standard, config::text as config, tags, testing, content_hash from pack`;
  assert.deepEqual(pack, {
    enabled: false,
    is_standard: true,
    config: '{"z":1,"a":2}',
    tags: ["x", "y"],
    testing: { enabled: true },
    content_hash: "c0ffee",
  });
  const [action] = await t.sql`
    select pack_ref, runtime, param_schema::text as params, timeout_seconds, resources, retry,
      default_execution_permission_set_refs as sets, examples, enabled, is_adhoc from action`;
  assert.deepEqual(action, {
    pack_ref: "acme",
    runtime: "shell",
    params: '{"zone":{"type":"string"},"area":{"default":null}}',
    timeout_seconds: 1.5,
    resources: { memory_mb: 5 },
    retry: null,
    sets: ["acme.ops"],
    examples: [{ a: "ä\n" }],
    enabled: true,
    is_adhoc: false,
  });
  const [rule] = await t.sql`select permission_set_refs, conditions from rule`;
  assert.deepEqual(rule, {
    permission_set_refs: [],
    conditions: [{ field: "a" }],
  });
  const [trigger] = await t.sql`
    select t.sensor_ref, s.ref as sensor from trigger t join sensor s on s.id = t.sensor`;
  assert.deepEqual(trigger, { sensor_ref: "acme.watch", sensor: "acme.watch" });
});

Deno.test("storePack() stores a workflow without a runtime", async () => {
  await using t = await testDb();
  const workflow_file = "workflows/a.workflow.yaml";
  await load(t.sql, { actions: [anAction({ workflow_file })] });
  const [row] = await t.sql`select runtime, workflow_file from action`;
  assert.deepEqual(row, { runtime: null, workflow_file });
});

Deno.test("storePack() touches nothing when nothing changed", async () => {
  await using t = await testDb();
  const given = {
    runtimes: [aRuntime({ versions: [aVersion("5.1")] })],
    triggers: [aTrigger()],
    actions: [anAction({ parameters: { a: { type: "string" } } })],
    rules: [aRule()],
    sensors: [aSensor({ trigger_types: ["acme.seen"] })],
  };
  await load(t.sql, given);
  const rows = () =>
    t.sql`select ref, updated from action union all select ref, updated from trigger
      union all select ref, updated from runtime union all select ref, updated from sensor`;
  const before = await rows();
  const report = await load(t.sql, given);
  assert.deepEqual([report.created, report.updated, report.removed], [
    [],
    [],
    [],
  ]);
  assert.deepEqual([...await rows()], [...before]);
});

Deno.test("storePack() keeps ids, and puts absent keys back to their defaults", async () => {
  await using t = await testDb();
  await load(t.sql, {
    description: "old",
    actions: [
      anAction({
        timeout: 9,
        tags: ["a"],
        retry: { max_attempts: 2 } as never,
      }),
    ],
  });
  const [before] = await t.sql`select id from action`;
  const report = await load(t.sql, { actions: [anAction()] });
  assert.deepEqual(report.updated, ["acme.sync"]);
  const [after] = await t.sql`
    select a.id, timeout_seconds, a.tags, retry, p.description from action a join pack p on p.id = a.pack`;
  assert.deepEqual(after, {
    id: before!.id,
    timeout_seconds: null,
    tags: [],
    retry: null,
    description: null,
  });
});

Deno.test("storePack() leaves `enabled` alone when the file does not say", async () => {
  await using t = await testDb();
  const given = {
    triggers: [aTrigger()],
    actions: [anAction()],
    rules: [aRule()],
    sensors: [aSensor()],
  };
  await load(t.sql, given);
  await t.sql`update pack set enabled = false`;
  await t.sql`update action set enabled = false`;
  await t.sql`update rule set enabled = false`;
  const states = async () => {
    const [row] = await t.sql`
      select (select enabled from pack) as pack, (select enabled from action) as action,
        (select enabled from rule) as rule, (select enabled from sensor) as sensor`;
    return row;
  };
  const kept = { pack: false, action: false, rule: false, sensor: true };
  await load(t.sql, given);
  assert.deepEqual(await states(), kept);
  await load(t.sql, {
    ...given,
    enabled: true,
    actions: [anAction({ enabled: true })],
  });
  assert.deepEqual(await states(), { ...kept, pack: true, action: true });
});

Deno.test("storePack() uses `config` only for a new pack, and keeps `is_standard`", async () => {
  await using t = await testDb();
  await load(t.sql, { config: { a: 1 } });
  await t.sql`update pack set is_standard = true`;
  await load(t.sql, { config: { a: 2 }, version: "2" });
  const [row] = await t.sql`select config, version, is_standard from pack`;
  assert.deepEqual(row, { config: { a: 1 }, version: "2", is_standard: true });
});

Deno.test("storePack() takes over an ad-hoc row of the same ref, with a warning", async () => {
  await using t = await testDb();
  await load(t.sql, {});
  const [adhoc] = await t.sql`
    insert into action (ref, pack, pack_ref, label, is_adhoc, enabled)
    select 'acme.sync', id, ref, 'by hand', true, false from pack returning id`;
  const report = await load(t.sql, { actions: [anAction({ label: "Sync" })] });
  assert.deepEqual(report.updated, ["acme.sync"]);
  assert.equal(report.warnings[0]?.file, "acme/actions/sync.yaml");
  assert.match(report.warnings[0]?.message ?? "", /'acme\.sync'.*API/);
  const [row] = await t.sql`select id, label, is_adhoc, enabled from action`;
  assert.deepEqual(row, {
    id: adhoc!.id,
    label: "Sync",
    is_adhoc: false,
    enabled: false,
  });
});

Deno.test("storePack() takes over a trigger that had no pack", async () => {
  await using t = await testDb();
  await t
    .sql`insert into trigger (ref, label, is_adhoc) values ('acme.seen', 'x', true)`;
  const report = await load(t.sql, { triggers: [aTrigger()] });
  assert.equal(report.warnings.length, 1);
  const [row] = await t.sql`
    select p.ref, pack_ref, is_adhoc from trigger join pack p on p.id = pack`;
  assert.deepEqual(row, { ref: "acme", pack_ref: "acme", is_adhoc: false });
});

Deno.test("storePack() removes declared rows that vanished, never ad-hoc ones or other packs'", async () => {
  await using t = await testDb();
  await load(t.sql, {
    ref: "other",
    actions: [anAction({ ref: "other.keep" })],
  });
  await load(t.sql, {
    permission_sets: [{
      ref: "acme.ops",
      label: null,
      description: null,
      grants: [],
      file: "f",
    }],
    runtimes: [aRuntime()],
    triggers: [aTrigger()],
    actions: [anAction()],
    rules: [aRule()],
    sensors: [aSensor()],
  });
  await t.sql`
    insert into action (ref, pack, pack_ref, label, is_adhoc)
    select 'acme.by_hand', id, ref, 'x', true from pack where ref = 'acme'`;
  const report = await load(t.sql, {});
  assert.deepEqual(report.removed, [
    "acme.nightly",
    "acme.watch",
    "acme.sync",
    "acme.seen",
    "acme.lua",
    "acme.ops",
  ]);
  const rows = await t.sql`
    select ref from action union all select ref from trigger union all select ref from rule
    union all select ref from sensor union all select ref from runtime
    union all select ref from permission_set order by ref`;
  assert.deepEqual(rows.map((r) => r.ref), ["acme.by_hand", "other.keep"]);
});

Deno.test("storePack() keeps the rows of skipped files as they are", async () => {
  await using t = await testDb();
  await load(t.sql, { actions: [anAction({ label: "first" })] });
  const report = await load(t.sql, { skipped_refs: ["acme.sync"] });
  assert.deepEqual([report.removed, report.skipped], [[], ["acme.sync"]]);
  const [row] = await t.sql`select label from action`;
  assert.equal(row!.label, "first");
});

Deno.test("storePack() leaves out rules without their trigger or action, and keeps their rows", async () => {
  await using t = await testDb();
  await load(t.sql, {
    triggers: [aTrigger()],
    actions: [anAction()],
    rules: [aRule()],
  });
  const report = await load(t.sql, {
    triggers: [aTrigger()],
    rules: [
      aRule({ label: "changed" }), // its action goes with this very load
      aRule({
        ref: "acme.new",
        trigger_ref: "core.nope",
        action_ref: "core.nope",
      }),
    ],
  });
  assert.deepEqual(report.skipped, ["acme.nightly", "acme.new"]);
  assert.deepEqual(report.removed, ["acme.sync"]);
  assert.deepEqual(report.warnings.map((w) => [w.file, w.key, w.message]), [
    [
      "acme/rules/nightly.yaml",
      "action_ref",
      "rule 'acme.nightly' is left out as action 'acme.sync' does not exist",
    ],
    [
      "acme/rules/new.yaml",
      "trigger_ref",
      "rule 'acme.new' is left out as trigger 'core.nope' does not exist",
    ],
    [
      "acme/rules/new.yaml",
      "action_ref",
      "rule 'acme.new' is left out as action 'core.nope' does not exist",
    ],
  ]);
  const rows = await t.sql`select ref, label from rule`;
  assert.deepEqual([...rows], [{ ref: "acme.nightly", label: "acme.nightly" }]);
});

Deno.test("storePack() accepts rules on what other packs and ad-hoc rows offer", async () => {
  await using t = await testDb();
  await load(t.sql, {
    ref: "other",
    triggers: [aTrigger({ ref: "other.seen" })],
  });
  await load(t.sql, {});
  await t.sql`
    insert into action (ref, pack, pack_ref, label, is_adhoc)
    select 'acme.by_hand', id, ref, 'x', true from pack where ref = 'acme'`;
  const report = await load(t.sql, {
    rules: [aRule({ trigger_ref: "other.seen", action_ref: "acme.by_hand" })],
  });
  assert.deepEqual([report.created, report.warnings], [["acme.nightly"], []]);
});

Deno.test("storePack() makes a runtime's versions those of its file", async () => {
  await using t = await testDb();
  const versions = () =>
    t.sql`select version, position, is_default from runtime_version order by position`;
  await load(t.sql, {
    runtimes: [aRuntime({ versions: [aVersion("5.1"), aVersion("5.2")] })],
  });
  const report = await load(t.sql, {
    runtimes: [
      aRuntime({ versions: [aVersion("5.4", true), aVersion("5.2")] }),
    ],
  });
  assert.deepEqual(report.updated, ["acme.lua"]);
  assert.deepEqual([...await versions()], [
    { version: "5.4", position: 0, is_default: true },
    { version: "5.2", position: 1, is_default: false },
  ]);
  await load(t.sql, { runtimes: [aRuntime()] });
  assert.deepEqual([...await versions()], []);
});

Deno.test("storePack() links triggers to sensors, and takes links off again", async () => {
  await using t = await testDb();
  await load(t.sql, {
    ref: "other",
    triggers: [aTrigger({ ref: "other.seen" })],
  });
  const triggers = [aTrigger()];
  const report = await load(t.sql, {
    triggers,
    sensors: [
      aSensor({ trigger_types: ["acme.seen", "other.seen", "acme.nope"] }),
      aSensor({ ref: "acme.second", trigger_types: ["acme.seen"] }),
    ],
  });
  assert.deepEqual(report.warnings.map((w) => w.message), [
    "trigger 'acme.seen' stays with sensor 'acme.watch'",
    "trigger 'acme.nope' does not exist",
  ]);
  const links = () =>
    t.sql`select ref, sensor_ref, sensor is null as free from trigger order by ref`;
  assert.deepEqual([...await links()], [
    { ref: "acme.seen", sensor_ref: "acme.watch", free: false },
    { ref: "other.seen", sensor_ref: "acme.watch", free: false },
  ]);
  await load(t.sql, {
    triggers,
    sensors: [aSensor({ trigger_types: ["other.seen"] })],
  });
  assert.deepEqual([...await links()], [
    { ref: "acme.seen", sensor_ref: null, free: true },
    { ref: "other.seen", sensor_ref: "acme.watch", free: false },
  ]);
  await load(t.sql, { triggers });
  assert.deepEqual([...await links()], [
    { ref: "acme.seen", sensor_ref: null, free: true },
    { ref: "other.seen", sensor_ref: null, free: true },
  ]);
});

Deno.test("storePack() keeps nothing when moving the tree into place fails", async () => {
  await using t = await testDb();
  await load(t.sql, { version: "1" });
  await assert.rejects(
    storePack(t.sql, aPack({ version: "2", actions: [anAction()] }), {
      contentHash: "new",
      inPlace: () => Promise.reject(new Error("disk full")),
    }),
    /disk full/,
  );
  const [row] = await t.sql`
    select version, content_hash, (select count(*)::int from action) as actions from pack`;
  assert.deepEqual(row, { version: "1", content_hash: "c0ffee", actions: 0 });
});

Deno.test("storePack() calls inPlace last, and once", async () => {
  await using t = await testDb();
  const seen: number[] = [];
  await storePack(t.sql, aPack({ actions: [anAction()] }), {
    contentHash: "x",
    inPlace: async () => {
      const [row] = await t.sql`select count(*)::int as n from pack`;
      seen.push(row!.n);
    },
  });
  assert.deepEqual(seen, [0]); // not committed yet
});

Deno.test("storePack() lets loads of one pack wait for each other", async () => {
  await using t = await testDb();
  const order: string[] = [];
  const first = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  const slow = storePack(t.sql, aPack({ version: "1" }), {
    contentHash: "1",
    inPlace: async () => {
      order.push("1");
      entered.resolve();
      await first.promise;
    },
  });
  await entered.promise;
  const quick = storePack(t.sql, aPack({ version: "2" }), {
    contentHash: "2",
    inPlace: () => {
      order.push("2");
      return Promise.resolve();
    },
  });
  await storePack(t.sql, aPack({ ref: "other" }), {
    contentHash: "3",
    inPlace: () => {
      order.push("other");
      return Promise.resolve();
    },
  });
  first.resolve();
  await Promise.all([slow, quick]);
  assert.deepEqual(order, ["1", "other", "2"]);
  const [row] = await t.sql`select version from pack where ref = 'acme'`;
  assert.equal(row!.version, "2");
});

function aVersion(version: string, is_default = false) {
  return {
    version,
    is_default,
    distributions: {},
    execution_config: {},
    meta: {},
  };
}

Deno.test("storePack() lets one of two loads in that both want the pack to be new", async () => {
  await using db = await testDb();
  const load = () =>
    storePack(db.sql, aPack({ ref: "acme" }), {
      contentHash: "a",
      onlyNew: true,
      inPlace: () => Promise.resolve(),
    });
  const ends = await Promise.allSettled([load(), load()]);
  assert.deepEqual(ends.map((e) => e.status).sort(), ["fulfilled", "rejected"]);
  const lost = ends.find((e) => e.status === "rejected")!;
  assert.ok(lost.reason instanceof PackExists);
});
