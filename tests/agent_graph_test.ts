import assert from "node:assert/strict";
import { modulesOf } from "../scripts/module_graph.ts";

const AGENT = new URL("../src/agent/main.ts", import.meta.url).pathname;
const MAIN = new URL("../src/main.ts", import.meta.url).pathname;
const FORBIDDEN = /npm:\/?postgres@|\/src\/(db|api|scheduler|cli)\//;

Deno.test("the agent's module graph has no database driver and no server code", async () => {
  const modules = await modulesOf(AGENT);
  assert.ok(modules.length > 10);
  assert.deepEqual(modules.filter((m) => FORBIDDEN.test(m)), []);
});

Deno.test("the same pattern finds both in the whole program", async () => {
  const modules = await modulesOf(MAIN);
  assert.ok(modules.some((m) => FORBIDDEN.test(m)));
});
