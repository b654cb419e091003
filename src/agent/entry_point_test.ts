import assert from "node:assert/strict";
import { findEntryPoint } from "./entry_point.ts";

const SPEC = { action_ref: "acme.a", pack_ref: "acme" };

Deno.test("findEntryPoint() finds a file below actions/ and nothing outside of the pack", async () => {
  const dir = await Deno.makeTempDir();
  await Deno.mkdir(`${dir}/actions/sub`, { recursive: true });
  await Deno.mkdir(`${dir}/lib`);
  await Deno.writeTextFile(`${dir}/actions/sub/a.sh`, "");
  await Deno.writeTextFile(`${dir}/lib/b.sh`, "");
  await Deno.symlink("/bin/true", `${dir}/actions/out`);
  await Deno.symlink("../lib/b.sh", `${dir}/actions/in`);
  const find = (entry_point: string) =>
    findEntryPoint({ ...SPEC, entry_point }, dir);

  assert.equal(find("sub/a.sh"), `${dir}/actions/sub/a.sh`);
  assert.equal(find("actions/sub/a.sh"), `${dir}/actions/sub/a.sh`);
  assert.equal(find("in"), `${dir}/actions/in`);
  const missing = ["x.sh", "", "../lib/b.sh", "/bin/true", "a/../../lib/b.sh"];
  for (const entry of [...missing, "out"]) {
    assert.throws(() => find(entry), { reason: "entry_point_missing" }, entry);
  }
  await Deno.remove(dir, { recursive: true });
});
