import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { fakeControlPlane } from "../../tests/support/fake_control_plane.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));

async function run(env: Record<string, string>) {
  const home = await Deno.makeTempDir();
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN],
    env: { ATTUNE_HOME: home, ...env },
    stdout: "null",
  }).output();
  await Deno.remove(home, { recursive: true });
  return { code, said: new TextDecoder().decode(stderr) };
}

Deno.test("the agent program tells by its exit code what is wrong", async (t) => {
  await t.step("configuration: 2", async () => {
    const { code, said } = await run({
      ATTUNE_API_URL: "",
      ATTUNE_AGENT_TOKEN: "",
    });
    assert.equal(code, 2);
    assert.match(said, /ATTUNE_API_URL must be/);
  });
  await t.step("refused by the control plane: 3", async () => {
    await using plane = await fakeControlPlane();
    const { code, said } = await run({
      ATTUNE_API_URL: plane.url,
      ATTUNE_AGENT_TOKEN: "wrong",
    });
    assert.equal(code, 3, said);
    assert.match(said, /answered with 401/);
  });
});
