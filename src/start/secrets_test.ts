import assert from "node:assert/strict";
import { join } from "node:path";
import { readOrMakeSecrets } from "./secrets.ts";

Deno.test("readOrMakeSecrets() makes secrets once, for the owner alone", async () => {
  const home = await Deno.makeTempDir();
  const made = await readOrMakeSecrets(home);
  assert.ok(Object.values(made).every((secret) => secret.length >= 40));
  assert.equal(new Set(Object.values(made)).size, 3);
  const { mode } = await Deno.stat(join(home, "secrets.json"));
  assert.equal(mode! & 0o777, 0o600);
  assert.deepEqual(await readOrMakeSecrets(home), made);
  await Deno.remove(home, { recursive: true });
});

for (const text of ["", "{}", '{"jwt_secret": "short"}']) {
  Deno.test(`readOrMakeSecrets() refuses a damaged file rather than lose a key: '${text}'`, async () => {
    const home = await Deno.makeTempDir();
    const path = join(home, "secrets.json");
    await Deno.writeTextFile(path, text);
    await assert.rejects(readOrMakeSecrets(home), /restore it, or remove it/);
    assert.equal(await Deno.readTextFile(path), text);
    await Deno.remove(home, { recursive: true });
  });
}
