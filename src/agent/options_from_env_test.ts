import assert from "node:assert/strict";
import { optionsFromEnv } from "./options_from_env.ts";

Deno.test("optionsFromEnv() needs two values and names all that are wrong", () => {
  assert.throws(
    () => optionsFromEnv({ ATTUNE_API_URL: "nowhere" }),
    /ATTUNE_API_URL must be .* it is "nowhere"; ATTUNE_AGENT_TOKEN must be/,
  );
});

Deno.test("optionsFromEnv() reads the rest where it is given", () => {
  const two = { ATTUNE_API_URL: "http://a:1/", ATTUNE_AGENT_TOKEN: "t" };
  const plain = optionsFromEnv(two);
  assert.deepEqual(
    [plain.apiUrl, plain.joinToken, plain.name, plain.runtimes],
    ["http://a:1", "t", null, null],
  );
  assert.ok(plain.stateDir.endsWith("/.attune/agent"));
  const told = optionsFromEnv({
    ...two,
    ATTUNE_HOME: "/h",
    ATTUNE_AGENT_NAME: "n",
    ATTUNE_WORKER_RUNTIMES: "python3, ,sh",
  });
  assert.deepEqual(
    [told.stateDir, told.name, told.runtimes?.names],
    ["/h/agent", "n", ["python3", "sh"]],
  );
});
