import assert from "node:assert/strict";
import { Alarm } from "./alarm.ts";

Deno.test("Alarm rings at the earliest deadline and then at the one it is told", async () => {
  const rung: number[] = [];
  const began = performance.now();
  const { promise, resolve } = Promise.withResolvers<void>();
  using alarm = new Alarm((now) => {
    rung.push(now - began);
    if (rung.length === 1) return began + 60;
    return resolve(), undefined;
  });
  alarm.set(began + 10_000);
  alarm.set(began + 20);
  alarm.set(began + 5_000);
  await promise;
  assert.equal(rung.length, 2);
  assert.ok(rung[0]! >= 20 && rung[0]! < 5_000, `rang after ${rung[0]} ms`);
  assert.ok(rung[1]! >= 60 && rung[1]! < 5_000, `rang after ${rung[1]} ms`);
});

Deno.test("Alarm takes deadlines beyond the longest timer, and none once disposed of", () => {
  const alarm = new Alarm(() => assert.fail("rang"));
  alarm.set(performance.now() + 2 ** 40);
  alarm[Symbol.dispose]();
  alarm[Symbol.dispose]();
  alarm.set(0);
});
