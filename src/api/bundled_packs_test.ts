import assert from "node:assert/strict";
import { join } from "node:path";
import { apiWorld } from "../../tests/support/api_world.ts";
import { hashTree } from "../packs/tree_hash.ts";
import { installBundledPacks } from "./bundled_packs.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const SHIPPED = { packsDir: `${ROOT}packs`, runtimesDir: `${ROOT}runtimes` };

Deno.test("installBundledPacks() installs the core pack with its runtimes, once", async () => {
  await using t = await apiWorld();
  const told: unknown[] = [];
  using _watch = await t.bus.watch("pack", (body) => told.push(body));
  await installBundledPacks(t.deps, SHIPPED);
  const { data: core } = await t.json(200, "GET", "/api/v1/packs/core");
  assert.equal(core.is_standard, true);
  const { items } = await t.json(200, "GET", "/api/v1/packs/core/runtimes");
  const refs = items.map((runtime: { ref: string }) => runtime.ref);
  for (
    const ref of [
      "core.shell",
      "core.python",
      "core.nodejs",
      "core.native",
      "core.deno",
    ]
  ) {
    assert.ok(refs.includes(ref), ref);
  }
  const { data: echo } = await t.json(200, "GET", "/api/v1/actions/core.echo");
  assert.equal(echo.is_adhoc, false);
  const [admin] = await t
    .sql`select 1 from permission_set where ref = 'core.admin'`;
  assert.ok(admin);
  assert.equal(told.length, 1);

  await installBundledPacks(t.deps, SHIPPED);
  assert.equal(told.length, 1, "nothing changed, nothing is installed");

  await Deno.remove(join(t.deps.settings.packsBaseDir, "core"), {
    recursive: true,
  });
  await installBundledPacks(t.deps, SHIPPED);
  assert.equal(told.length, 2, "missing files are installed again");
  await Deno.stat(join(t.deps.settings.packsBaseDir, "core/pack.yaml"));
});

Deno.test("installBundledPacks() removes stages that a killed process left behind", async () => {
  await using t = await apiWorld();
  const base = t.deps.settings.packsBaseDir;
  const packsDir = join(t.dir, "none");
  await Deno.mkdir(packsDir);
  for (const name of [".staging-old", ".staging-new"]) {
    // deno-lint-ignore no-await-in-loop
    await Deno.mkdir(join(base, name, "pack"), { recursive: true });
  }
  const hourAgo = new Date(Date.now() - 3_700_000);
  await Deno.utime(join(base, ".staging-old"), hourAgo, hourAgo);
  await installBundledPacks(t.deps, { ...SHIPPED, packsDir });
  const left = await Array.fromAsync(Deno.readDir(base), (entry) => entry.name);
  assert.deepEqual(left, [".staging-new"]);
});

Deno.test("installBundledPacks() takes back a tree whose replacement was never stored", async () => {
  await using t = await apiWorld();
  const base = t.deps.settings.packsBaseDir;
  const packsDir = join(t.dir, "none");
  await Deno.mkdir(packsDir);
  const recover = () => installBundledPacks(t.deps, { ...SHIPPED, packsDir });
  const tree = async (dir: string, text: string) => {
    await Deno.mkdir(dir, { recursive: true });
    await Deno.writeTextFile(join(dir, "pack.yaml"), text);
  };
  const aside = join(base, ".staging-cut", ".replaced-demo");
  await tree(aside, "old");
  await tree(join(base, "demo"), "new");
  const store = (hash: string) =>
    t.sql`insert into pack (ref, label, version, content_hash) values ('demo', 'D', '1.0.0', ${hash})
      on conflict (ref) do update set content_hash = ${hash}`;
  const seen = () => Deno.readTextFile(join(base, "demo/pack.yaml"));

  await store(await hashTree(join(base, "demo")));
  await recover();
  assert.equal(await seen(), "new", "the replacement was stored: it stays");

  await store(await hashTree(aside));
  await recover();
  assert.equal(await seen(), "old");

  await tree(aside, "other");
  await Deno.remove(join(base, "demo"), { recursive: true });
  await store(await hashTree(aside));
  await recover();
  assert.equal(await seen(), "other", "killed between the two renames");
});
