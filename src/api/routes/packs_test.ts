import assert from "node:assert/strict";
import { anAction, apiWorld } from "../../../tests/support/api_world.ts";

const BASE = "/api/v1/packs";
const NEW = { ref: "demo", label: "Demo", version: "1.0.0" };

Deno.test("POST /packs stores what was sent, in its order, and answers every field", async () => {
  await using t = await apiWorld();
  const { data } = await t.json(201, "POST", BASE, {
    body: {
      ...NEW,
      description: null,
      config: { z: 1, a: { y: null } },
      tags: ["b", "a"],
      is_standard: null,
      unknown: 1,
    },
  });
  const { id, created, updated, ...rest } = data;
  assert.equal(typeof id, "number");
  assert.match(created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
  assert.equal(created, updated);
  assert.deepEqual(Object.keys(rest.config), ["z", "a"]);
  assert.deepEqual(rest, {
    ref: "demo",
    label: "Demo",
    description: null,
    version: "1.0.0",
    tags: ["b", "a"],
    is_standard: false,
    conf_schema: {},
    config: { z: 1, a: { y: null } },
    meta: {},
    runtime_deps: [],
    dependencies: [],
  });
  const { items } = await t.json(200, "GET", BASE, {
    token: await t.as([{
      resource: "packs",
      actions: ["read"],
      constraints: { refs: ["demo"] },
    }]),
  });
  const { conf_schema: _s, config: _c, meta: _m, ...same } = data;
  const { runtime_deps: _r, dependencies: _d, ...summary } = same;
  assert.deepEqual(items, [summary]);
  const again = await t.json(409, "POST", BASE, { body: NEW });
  assert.equal(again.code, "CONFLICT");
});

Deno.test("POST /packs refuses what breaks a rule", async (test) => {
  await using t = await apiWorld();
  const cases: [Record<string, unknown>, string][] = [
    [{ ref: "" }, "VALIDATION_ERROR"],
    [{ ref: "x".repeat(256) }, "VALIDATION_ERROR"],
    [{ label: "" }, "VALIDATION_ERROR"],
    [{ version: 1 }, "VALIDATION_ERROR"],
    [{ config: [] }, "VALIDATION_ERROR"],
    [{ tags: "a" }, "VALIDATION_ERROR"],
    [{ label: undefined }, "VALIDATION_ERROR"],
    [{ ref: "Demo" }, "UNPROCESSABLE_ENTITY"],
    [{ ref: "d" }, "UNPROCESSABLE_ENTITY"],
    [{ ref: "1demo" }, "UNPROCESSABLE_ENTITY"],
    [{ ref: "a.b" }, "UNPROCESSABLE_ENTITY"],
    [{ ref: "../demo" }, "UNPROCESSABLE_ENTITY"],
    [{ version: "1.0" }, "UNPROCESSABLE_ENTITY"],
    [{ version: "v1.0.0" }, "UNPROCESSABLE_ENTITY"],
    [{ version: "1.0.01" }, "UNPROCESSABLE_ENTITY"],
  ];
  for (const [change, code] of cases) {
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await test.step(JSON.stringify(change).slice(0, 40), async () => {
      const body = { ...NEW, ...change };
      assert.equal((await t.json(422, "POST", BASE, { body })).code, code);
    });
  }
  await t.json(201, "POST", BASE, {
    body: { ...NEW, version: "1.0.0-rc.1+build.5" },
  });
});

Deno.test("PUT /packs/{ref} changes only what is given, and patches the description", async () => {
  await using t = await apiWorld();
  await t.json(201, "POST", BASE, {
    body: { ...NEW, description: "old", config: { a: 1 }, tags: ["x"] },
  });
  const put = async (body: unknown) =>
    (await t.json(200, "PUT", `${BASE}/demo`, { body })).data;
  assert.equal((await put({ label: "New" })).description, "old");
  assert.equal((await put({ description: "plain" })).description, "plain");
  const set = await put({ description: { op: "set", value: "set" } });
  assert.equal(set.description, "set");
  assert.equal((await put({ description: null })).description, "set");
  const cleared = await put({ description: { op: "clear" }, config: {} });
  assert.equal(cleared.description, null);
  assert.deepEqual(cleared.config, {});
  assert.deepEqual(cleared.tags, ["x"]);
  assert.equal(cleared.label, "New");
  assert.ok(cleared.updated > cleared.created);
  const wrong = await t.json(422, "PUT", `${BASE}/demo`, {
    body: { description: { op: "set", value: 5 } },
  });
  assert.equal(wrong.code, "VALIDATION_ERROR");
  await t.json(422, "PUT", `${BASE}/demo`, { body: { version: "2" } });
  await t.json(404, "PUT", `${BASE}/none`, { body: {} });
});

Deno.test("packs of an owner are hidden from everybody else", async () => {
  await using t = await apiWorld();
  const all = ["read", "create", "configure", "delete"];
  const owner = await t.as([{ resource: "packs", actions: all }]);
  const other = await t.as([{ resource: "packs", actions: all }]);
  const nobody = await t.as([]);
  const named = await t.as([
    { resource: "packs", actions: all, constraints: { pack_refs: ["owned"] } },
  ]);
  const undecided = await t.as([
    {
      resource: "packs",
      actions: all,
      constraints: { refs: ["owned"], attributes: { team: "a" } },
    },
  ]);
  const make = (ref: string, is_standard: boolean) =>
    t.json(201, "POST", BASE, {
      token: owner,
      body: { ...NEW, ref, is_standard },
    });
  await make("owned", false);
  await make("standard-one", true);
  await t
    .sql`insert into pack (ref, label, version) values ('common', 'C', '1.0.0')`;
  const refs = async (token: string) => {
    const { items, pagination } = await t.json(200, "GET", BASE, { token });
    assert.equal(
      pagination.total_items,
      items.length,
      "hidden rows do not count",
    );
    return items.map((pack: { ref: string }) => pack.ref);
  };
  assert.deepEqual(await refs(owner), ["common", "owned", "standard-one"]);
  assert.deepEqual(await refs(other), ["common", "standard-one"]);
  assert.deepEqual(await refs(nobody), ["standard-one"]);
  assert.deepEqual(await refs(named), ["owned", "standard-one"]);
  assert.deepEqual(await refs(undecided), ["standard-one"]);
  const owned = `${BASE}/owned`;
  await t.json(404, "GET", owned, { token: other });
  await t.json(404, "GET", owned, { token: nobody });
  await t.json(404, "GET", owned, { token: undecided });
  await t.json(200, "GET", owned, { token: named });
  await t.json(200, "GET", owned, { token: owner });
  await t.json(403, "PUT", owned, { token: other, body: {} });
  await t.json(403, "DELETE", owned, { token: other });
  await t.json(200, "PUT", owned, { token: named, body: {} });
  await t.json(200, "DELETE", owned, { token: owner });
});

Deno.test("DELETE /packs/{ref} removes components and files, and tells", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  await Deno.mkdir(`${t.dir}/packs/demo/actions`, { recursive: true });
  await Deno.mkdir(`${t.dir}/packs/other`);
  const told: unknown[] = [];
  using _pack = await t.bus.watch("pack", (body) => told.push(body));
  const answer = await t.json(200, "DELETE", `${BASE}/demo`);
  assert.deepEqual(Object.keys(answer), ["success", "message"]);
  assert.equal(answer.success, true);
  assert.deepEqual(told, [{ ref: "demo", hash: null }]);
  await t.json(404, "GET", "/api/v1/actions/demo.hello");
  const left = await Array.fromAsync(
    Deno.readDir(`${t.dir}/packs`),
    (e) => e.name,
  );
  assert.deepEqual(left, ["other"]);
});

Deno.test("DELETE /packs/{ref} keeps the files when the rows cannot be deleted", async () => {
  await using t = await apiWorld();
  await t
    .sql`insert into pack (ref, label, version) values ('demo', 'D', '1.0.0')`;
  await Deno.mkdir(`${t.dir}/packs/demo`, { recursive: true });
  // Fires at the commit, when the files are out of their place already.
  await t.sql.unsafe(`
    create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
    create constraint trigger refuse after delete on pack deferrable initially deferred
      for each row execute function refuse();`);
  await t.json(500, "DELETE", `${BASE}/demo`);
  await t.json(200, "GET", `${BASE}/demo`);
  await Deno.stat(`${t.dir}/packs/demo`);
});

Deno.test("component lists of a pack hold only its own", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.b");
  await anAction(t.sql, "demo.a");
  await anAction(t.sql, "other.c");
  await t
    .sql`update runtime set pack_ref = 'demo', pack = (select id from pack where ref = 'demo')`;
  const refs = async (path: string) =>
    (await t.json(200, "GET", path)).items.map((one: { ref: string }) =>
      one.ref
    );
  assert.deepEqual(await refs(`${BASE}/demo/actions`), ["demo.a", "demo.b"]);
  assert.deepEqual(await refs(`${BASE}/demo/runtimes`), ["core.shell"]);
  assert.deepEqual(await refs(`${BASE}/other/runtimes`), []);
  await t.json(404, "GET", `${BASE}/none/actions`);
  await t.json(404, "GET", `${BASE}/none/runtimes`);
  const nobody = await t.as([]);
  await t.json(200, "GET", `${BASE}/demo/actions`, { token: nobody });
  await t.json(403, "GET", `${BASE}/demo/runtimes`, { token: nobody });
});
