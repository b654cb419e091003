import assert from "node:assert/strict";
import { makeLog, silentLog } from "../log.ts";
import { makeAlarm } from "./alarm.ts";
import { startLoop } from "./loop.ts";

Deno.test("startLoop() runs one step at a time and again while there is more", async () => {
  const done = Promise.withResolvers<void>();
  let inside = 0;
  let most = 0;
  let steps = 0;
  await using loop = startLoop({
    name: "test",
    log: silentLog,
    async step() {
      most = Math.max(most, ++inside);
      await Promise.resolve();
      inside--;
      steps++;
      if (steps === 5) done.resolve();
      return steps < 5;
    },
  });
  loop.wake();
  loop.wake();
  loop.wake();
  await done.promise;
  assert.equal(most, 1);
});

Deno.test("startLoop() tries again after a failure, and logs it", async () => {
  const lines: string[] = [];
  const log = makeLog({
    level: "error",
    format: "text",
    write: (line) => lines.push(line),
  });
  const done = Promise.withResolvers<void>();
  let steps = 0;
  await using loop = startLoop({
    name: "test",
    log,
    retryMs: 1,
    async step() {
      await Promise.resolve();
      if (++steps === 1) throw new Error("first");
      done.resolve();
      return false;
    },
  });
  loop.wake();
  await done.promise;
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /test failed and is tried again/);
});

Deno.test("startLoop() disposes before it ran, while it runs, and twice", async () => {
  const gate = Promise.withResolvers<void>();
  let ended = false;
  const loop = startLoop({
    name: "test",
    log: silentLog,
    async step() {
      await gate.promise;
      ended = true;
      return true;
    },
  });
  loop.wake();
  const disposed = loop[Symbol.asyncDispose]();
  gate.resolve();
  await disposed;
  assert.ok(ended);
  await loop[Symbol.asyncDispose]();
  loop.wake();
  const idle = startLoop({
    name: "idle",
    log: silentLog,
    step: () => Promise.resolve(false),
  });
  await idle[Symbol.asyncDispose]();
});

Deno.test("makeAlarm() rings once at the earliest time asked for", async () => {
  const rung = Promise.withResolvers<number>();
  const start = performance.now();
  let rings = 0;
  using alarm = makeAlarm(() => {
    rings++;
    rung.resolve(performance.now() - start);
  });
  alarm.ring(60_000);
  alarm.ring(20);
  alarm.ring(40_000);
  const after = await rung.promise;
  assert.ok(after >= 20 && after < 10_000);
  assert.equal(rings, 1);
  alarm.ring(60_000);
});
