import assert from "node:assert/strict";
import { join } from "node:path";
import { openLogFile } from "./log_file.ts";

Deno.test("openLogFile() rotates before a file grows too large, and keeps three", async () => {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "logs", "a.log");
  {
    using file = openLogFile(path, { maxBytes: 10 });
    for (const n of [1, 2, 3, 4, 5, 6]) file.write(`line ${n}\n`);
  }
  const read = (name: string) => Deno.readTextFileSync(join(dir, "logs", name));
  assert.deepEqual(
    ["a.log", "a.log.1", "a.log.2", "a.log.3"].map(read),
    ["line 6\n", "line 5\n", "line 4\n", "line 3\n"],
  );
  assert.equal([...Deno.readDirSync(join(dir, "logs"))].length, 4);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("openLogFile() appends to what is there, and writes nothing after its end", async () => {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "a.log");
  for (const text of ["a\n", "b\n"]) {
    const file = openLogFile(path);
    file.write(text);
    file[Symbol.dispose]();
    file[Symbol.dispose]();
    file.write("late\n");
  }
  assert.equal(await Deno.readTextFile(path), "a\nb\n");
  await Deno.remove(dir, { recursive: true });
});
