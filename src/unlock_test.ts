import assert from "node:assert/strict";
import { unlockAndClose } from "./unlock.ts";

/** A thread that starts children without end: each has copies of all descriptors until its exec. */
const SPAWNING = `
  const spec = { stdin: "null", stdout: "null", stderr: "null", detached: true };
  postMessage("begun");
  for (;;) await new Deno.Command("/bin/true", spec).spawn().status;`;

Deno.test("unlockAndClose() frees the lock while other threads start children", async () => {
  const path = await Deno.makeTempFile({ prefix: "attune-lock-" });
  const url = `data:application/javascript,${encodeURIComponent(SPAWNING)}`;
  const workers = Array.from(
    { length: 2 },
    () => new Worker(url, { type: "module" }),
  );
  await Promise.all(
    workers.map((worker) =>
      new Promise((resolve) => worker.onmessage = resolve)
    ),
  );
  for (let round = 0; round < 2_000; round++) {
    const file = Deno.openSync(path, { read: true, write: true });
    assert.equal(file.tryLockSync(true), true, `round ${round}`);
    unlockAndClose(file);
  }
  for (const worker of workers) worker.terminate();
  await Deno.remove(path);
});
