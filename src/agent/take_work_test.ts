import assert from "node:assert/strict";
import { embeddedBus } from "../bus/embedded.ts";
import type {
  ClaimAnswer,
  ClaimRequest,
  ExecutionSpec,
} from "../domain/agent_protocol.ts";
import { silentLog } from "../log.ts";
import { until } from "../../tests/support/until.ts";
import { openIntake } from "./take_work.ts";

function world(slots: number) {
  const bus = embeddedBus();
  const claims: ClaimRequest["items"][] = [];
  const running = new Map<number, () => void>();
  const intake = openIntake({
    bus,
    slots,
    claim(items): Promise<ClaimAnswer> {
      claims.push(items);
      return Promise.resolve({
        items: items.map(({ id, attempt }) => ({
          id,
          attempt,
          spec: { id, attempt } as ExecutionSpec,
        })),
      });
    },
    holds: (id) => running.has(id),
    run: ({ id }) => new Promise((resolve) => running.set(id, resolve)),
    onFault: () => {},
    log: silentLog,
  });
  return {
    bus,
    claims,
    running,
    intake,
    offer: (key: string, ...ids: number[]) =>
      bus.send(
        `work.${key}`,
        ids.map((id) => ({ id: `${id}.1`, body: { id, attempt: 1 } })),
      ),
    end(id: number) {
      running.get(id)!();
      running.delete(id);
    },
    async [Symbol.asyncDispose]() {
      await intake.close();
      await intake.close();
      await bus[Symbol.asyncDispose]();
    },
  };
}

Deno.test("openIntake() claims together what arrives together, and never more than its slots", async () => {
  await using w = world(3);
  await w.offer("a", 1, 2, 3, 4, 5);
  w.intake.setKeys(["a"]);
  await until("three", () => w.running.size === 3);
  assert.deepEqual(w.claims.map((items) => items.map(({ id }) => id)), [[
    1,
    2,
    3,
  ]]);
  assert.equal(w.intake.freeSlots, 0);
  w.end(2);
  await until("the fourth", () => w.running.has(4));
  assert.equal(await w.bus.depth("work.a"), 1);
});

Deno.test("openIntake() gives back what several keys deliver beyond its slots", async () => {
  await using w = world(2);
  w.intake.setKeys(["a", "b", "c"]);
  await Promise.all([
    w.offer("a", 1, 2),
    w.offer("b", 3, 4),
    w.offer("c", 5, 6),
  ]);
  await until("two", () => w.running.size === 2);
  const depth = async () =>
    (await Promise.all(
      ["a", "b", "c"].map((key) => w.bus.depth(`work.${key}`)),
    )).reduce((a, b) => a + b);
  assert.equal(await depth(), 4);
  for (let left = 4; left > 0; left--) {
    w.end(w.running.keys().next().value!);
    // deno-lint-ignore no-await-in-loop -- one after the other
    await until("the next", () => w.running.size === 2);
  }
  assert.equal(w.claims.flat().length, 6);
});

Deno.test("openIntake() acknowledges work it already runs instead of claiming it twice", async () => {
  await using w = world(5);
  w.intake.setKeys(["a"]);
  await w.offer("a", 1);
  await until("one", () => w.running.size === 1);
  await w.bus.send("work.a", [{ id: "again", body: { id: 1, attempt: 1 } }]);
  await until("an empty queue", async () => await w.bus.depth("work.a") === 0);
  assert.equal(w.claims.length, 1);
});

Deno.test("openIntake() pulls only for its keys, and nothing once closed", async () => {
  await using w = world(5);
  w.intake.setKeys(["a", "b"]);
  w.intake.setKeys(["b"]);
  await w.offer("a", 1);
  await w.offer("b", 2);
  await until("one", () => w.running.has(2));
  assert.equal(await w.bus.depth("work.a"), 1);
  await w.intake.close();
  w.intake.setKeys(["a"]);
  await w.offer("b", 3);
  assert.equal(w.intake.freeSlots, 0);
  assert.deepEqual([await w.bus.depth("work.a"), await w.bus.depth("work.b")], [
    1,
    1,
  ]);
  w.end(2);
});
