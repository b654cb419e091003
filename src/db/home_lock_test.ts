import assert from "node:assert/strict";
import { lockHome } from "./home_lock.ts";

Deno.test("lockHome() refuses the second, naming process and address of the first", async () => {
  await using home = await tempHome();
  using first = await lockHome(home.path);
  await assert.rejects(lockHome(home.path), {
    message:
      `Cannot use "${home.path}" as process ${Deno.pid} is running on it: stop that one first, or choose another directory with ATTUNE_HOME`,
  });
  first.tell("http://127.0.0.1:8080");
  await assert.rejects(
    lockHome(home.path),
    new RegExp(`process ${Deno.pid} \\(http://127\\.0\\.0\\.1:8080\\) is`),
  );
});

Deno.test("lockHome() lets go when disposed, twice without harm", async () => {
  await using home = await tempHome();
  const first = await lockHome(home.path);
  first.tell("http://127.0.0.1:8080");
  first[Symbol.dispose]();
  using second = await lockHome(home.path);
  first[Symbol.dispose]();
  await assert.rejects(lockHome(home.path));
  second[Symbol.dispose]();
});

Deno.test("lockHome() makes the directory, and keeps homes apart", async () => {
  await using home = await tempHome();
  using _a = await lockHome(`${home.path}/deep/a`);
  using _b = await lockHome(`${home.path}/deep/b`);
});

Deno.test("lockHome() is free again when its process was killed", async () => {
  await using home = await tempHome();
  const module = new URL("./home_lock.ts", import.meta.url);
  const program =
    `const { lockHome } = await import(${JSON.stringify(module.href)});` +
    `await lockHome(${JSON.stringify(home.path)}); console.log("held");` +
    `setInterval(() => {}, 1e6);`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  for await (const _held of child.stdout) break;
  await assert.rejects(
    lockHome(home.path),
    new RegExp(`process ${child.pid} is running on it`),
  );
  child.kill("SIGKILL");
  await child.status;
  using _lock = await lockHome(home.path);
});

async function tempHome() {
  const path = await Deno.makeTempDir({ prefix: "attune-home-" });
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}
