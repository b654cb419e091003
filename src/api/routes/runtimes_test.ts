import assert from "node:assert/strict";
import { apiWorld } from "../../../tests/support/api_world.ts";

const BASE = "/api/v1/runtimes";

Deno.test("runtimes are created, read, changed and deleted", async () => {
  await using t = await apiWorld();
  await t
    .sql`insert into pack (ref, label, version) values ('demo', 'D', '1.0.0')`;
  const execution_config = {
    interpreter: { binary: "lua", args: [] },
    env_vars: { B: "1", A: "2" },
  };
  let fleet = 0;
  using _watch = await t.bus.watch("fleet", () => fleet++);
  const { data } = await t.json(201, "POST", BASE, {
    body: {
      ref: "demo.lua",
      name: "Lua 5",
      pack_ref: "demo",
      execution_config,
    },
  });
  const { id, pack, created, updated, ...rest } = data;
  assert.deepEqual(rest, {
    ref: "demo.lua",
    pack_ref: "demo",
    description: null,
    name: "Lua 5",
    distributions: {},
    installation: null,
    execution_config,
  });
  assert.equal(typeof id, "number");
  assert.equal(typeof pack, "number");
  assert.equal(created, updated);
  assert.deepEqual(Object.keys(data.execution_config.env_vars), ["B", "A"]);
  const [row] = await t
    .sql`select name, is_adhoc from runtime where id = ${id}`;
  assert.deepEqual({ ...row }, { name: "lua 5", is_adhoc: true });

  await t.json(409, "POST", BASE, { body: { ref: "demo.lua", name: "x" } });
  await t.json(404, "POST", BASE, {
    body: { ref: "a.b", name: "x", pack_ref: "none" },
  });
  await t.json(422, "POST", BASE, { body: { ref: "Demo.Lua", name: "x" } });
  await t.json(422, "POST", BASE, { body: { ref: "demo.x" } });

  const put = async (body: unknown) =>
    (await t.json(200, "PUT", `${BASE}/demo.lua`, { body })).data;
  const set = await put({ installation: { method: "apt" }, description: "d" });
  assert.deepEqual([set.installation, set.description, set.name], [
    { method: "apt" },
    "d",
    "Lua 5",
  ]);
  const cleared = await put({ installation: { op: "clear" }, name: "lua" });
  assert.deepEqual([cleared.installation, cleared.name], [null, "lua"]);
  assert.deepEqual(
    (await t.json(200, "GET", `${BASE}/demo.lua`)).data,
    cleared,
  );
  const { items } = await t.json(200, "GET", BASE);
  assert.deepEqual(Object.keys(items[0]).sort(), [
    "created",
    "description",
    "id",
    "name",
    "pack_ref",
    "ref",
    "updated",
  ]);
  const gone = await t.json(200, "DELETE", `${BASE}/demo.lua`);
  assert.equal(gone.success, true);
  for (const method of ["GET", "DELETE"]) {
    // deno-lint-ignore no-await-in-loop
    await t.json(404, method, `${BASE}/demo.lua`);
  }
  assert.equal(fleet, 4, "agents are told of every change");
});

Deno.test("runtimes need their permissions", async () => {
  await using t = await apiWorld();
  await t.sql`insert into runtime (ref, name) values ('core.shell', 'shell')`;
  const nobody = { token: await t.as([]) };
  const one = `${BASE}/core.shell`;
  await t.json(403, "GET", BASE, nobody);
  await t.json(403, "GET", one, nobody);
  await t.json(403, "POST", BASE, { ...nobody, body: {} });
  await t.json(403, "PUT", one, { ...nobody, body: {} });
  await t.json(403, "DELETE", one, nobody);
  await t.json(404, "GET", `${BASE}/none`, nobody);
});
