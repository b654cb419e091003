// deno-lint-ignore-file no-await-in-loop -- tests go step by step
import assert from "node:assert/strict";
import type { Bus, Delivery, Taker } from "./bus.ts";

/** Registers a test; a bus that cannot run here registers it as ignored. */
export type Register = (name: string, fn: () => Promise<void>) => void;

/** What every bus must do. `open` gives a fresh one that shares nothing with others. */
export function testBus(
  name: string,
  open: () => Promise<Bus>,
  register: Register = Deno.test,
): void {
  const test = (what: string, fn: (bus: Bus) => Promise<void>) =>
    register(`${name}: ${what}`, async () => {
      await using bus = await open();
      await fn(bus);
    });

  test("take() gives each message to one taker", async (bus) => {
    await bus.openQueue("q");
    await using a = bus.take<number>("q");
    await using b = bus.take<number>("q");
    a.want(100);
    b.want(100);
    await bus.send("q", numbered(100));
    const seen = await collect([a, b], 100);
    assert.deepEqual(sorted(seen), upTo(100));
    await untilDepth(bus, "q", 0);
  });

  test("take() shares between those who want", async (bus) => {
    await bus.openQueue("q");
    await using a = bus.take<number>("q");
    await using b = bus.take<number>("q");
    a.want(5);
    b.want(5);
    await bus.send("q", numbered(10));
    const [ofA, ofB] = await Promise.all([arrive(a, 5), arrive(b, 5)]);
    assert.deepEqual(sorted(bodies([...ofA, ...ofB])), upTo(10));
  });

  test("take() keeps the order of a queue", async (bus) => {
    await bus.openQueue("q");
    await bus.send("q", numbered(500));
    await using taker = bus.take<number>("q");
    taker.want(500);
    assert.deepEqual(bodies(await arrive(taker, 500)), upTo(500));
  });

  test("take() may come before the queue", async (bus) => {
    await using taker = bus.take<number>("q");
    taker.want(1);
    await bus.openQueue("q");
    await bus.send("q", numbered(1));
    assert.deepEqual(bodies(await arrive(taker, 1)), [0]);
  });

  test("queues are apart", async (bus) => {
    await Promise.all([bus.openQueue("q.a"), bus.openQueue("q.b")]);
    await using a = bus.take<string>("q.a");
    await using b = bus.take<string>("q.b");
    a.want(10);
    b.want(10);
    await bus.send("q.a", [{ id: "1", body: "to a" }]);
    await bus.send("q.b", [{ id: "1", body: "to b" }]);
    assert.deepEqual(bodies(await arrive(a, 1)), ["to a"]);
    assert.deepEqual(bodies(await arrive(b, 1)), ["to b"]);
  });

  test("send() needs no openQueue()", async (bus) => {
    await bus.send("q", numbered(2));
    await using taker = bus.take<number>("q");
    taker.want(2);
    assert.deepEqual(bodies(await arrive(taker, 2)), [0, 1]);
  });

  test("send() of nothing resolves", async (bus) => {
    await bus.send("q", []);
  });

  test("send() takes messages of one id once", async (bus) => {
    await bus.openQueue("q");
    await bus.send("q", [
      { id: "a", body: 1 },
      { id: "a", body: 2 },
      { id: "b", body: 3 },
    ]);
    await bus.send("q", [{ id: "b", body: 4 }, { id: "c", body: 5 }]);
    assert.equal(await bus.depth("q"), 3);
    await using taker = bus.take<number>("q");
    taker.want(10);
    assert.deepEqual(bodies(await arrive(taker, 3)), [1, 3, 5]);
  });

  test("send() remembers the id of a message that is done", async (bus) => {
    await bus.openQueue("q");
    await using taker = bus.take<number>("q");
    taker.want(10);
    await bus.send("q", [{ id: "a", body: 1 }]);
    for (const delivery of await arrive(taker, 1)) delivery.ack();
    await untilDepth(bus, "q", 0);
    await bus.send("q", [{ id: "a", body: 2 }, { id: "b", body: 3 }]);
    assert.deepEqual(bodies(await arrive(taker, 1)), [3]);
  });

  test("send() carries the body as it was", async (bus) => {
    await bus.openQueue("q");
    const body = {
      list: [1, { deep: "é\u0000\ud83d\ude00" }],
      gone: undefined,
    };
    const sent = bus.send("q", [{ id: "a", body }, { id: "b", body: null }]);
    body.list.push(2);
    await sent;
    body.list.push(3);
    await using taker = bus.take<unknown>("q");
    taker.want(2);
    assert.deepEqual(bodies(await arrive(taker, 2)), [
      { list: [1, { deep: "é\u0000\ud83d\ude00" }] },
      null,
    ]);
  });

  test("send() delivers nothing before it returns", async (bus) => {
    await bus.openQueue("q");
    await using taker = bus.take<number>("q");
    taker.want(1);
    const sent = bus.send("q", numbered(1));
    assert.equal(taker.wanted, 1);
    await sent;
    await arrive(taker, 1);
    assert.equal(taker.wanted, 0);
  });

  test("send() rejects what JSON cannot carry", async (bus) => {
    await assert.rejects(bus.send("q", [{ id: "a", body: 1n }]), TypeError);
  });

  for (const bad of ["", "a b", "a.*", ">", "a..b", ".a", "nudge.a", "é"]) {
    test(`names like ${JSON.stringify(bad)} are refused`, async (bus) => {
      await assert.rejects(bus.openQueue(bad), TypeError);
      await assert.rejects(bus.send(bad, numbered(1)), TypeError);
      await assert.rejects(bus.depth(bad), TypeError);
      assert.throws(() => bus.take(bad), TypeError);
    });
  }

  test("want() adds up and nothing comes without it", async (bus) => {
    await bus.openQueue("q");
    await bus.send("q", numbered(6));
    await using idle = bus.take<number>("q");
    await using taker = bus.take<number>("q");
    taker.want(1);
    taker.want(2);
    assert.equal(taker.wanted, 3);
    assert.deepEqual(bodies(await arrive(taker, 3)), [0, 1, 2]);
    assert.equal(taker.wanted, 0);
    taker.want(0);
    taker.want(2);
    assert.deepEqual(bodies(await arrive(taker, 2)), [3, 4]);
    // By now a sixth message would have come to somebody who did not ask.
    assert.equal(await bus.depth("q"), 6);
    assert.equal(await taker.next(afterTurn()), undefined);
    assert.equal(await idle.next(afterTurn()), undefined);
  });

  test("want() refuses what is not a count", async (bus) => {
    await using taker = bus.take("q");
    for (const bad of [-1, 0.5, NaN, Infinity]) {
      assert.throws(() => taker.want(bad), RangeError);
    }
  });

  test("want() one by one gets everything", async (bus) => {
    await bus.openQueue("q");
    await using taker = bus.take<number>("q");
    for (let i = 0; i < 50; i++) {
      taker.want(1);
      await Promise.resolve();
    }
    await bus.send("q", numbered(60));
    assert.deepEqual(sorted(bodies(await arrive(taker, 50))), upTo(50));
    taker.want(10);
    assert.equal((await arrive(taker, 10)).length, 10);
  });

  test("next() gives all that has arrived", async (bus) => {
    await bus.openQueue("q");
    await bus.send("q", numbered(100));
    await using taker = bus.take<number>("q");
    taker.want(100);
    while (taker.wanted > 0) await turn();
    assert.equal((await taker.next())?.length, 100);
  });

  test("next() ends with its signal and loses nothing", async (bus) => {
    await bus.openQueue("q");
    await using taker = bus.take<number>("q");
    taker.want(1);
    const stop = new AbortController();
    const waiting = taker.next(stop.signal);
    stop.abort();
    assert.equal(await waiting, undefined);
    assert.equal(await taker.next(stop.signal), undefined);
    await bus.send("q", numbered(1));
    assert.deepEqual(bodies(await arrive(taker, 1)), [0]);
  });

  test("ack() ends a message, twice without harm", async (bus) => {
    await bus.openQueue("q", { ackWaitMs: 300 });
    await bus.send("q", numbered(2));
    await using taker = bus.take<number>("q");
    taker.want(10);
    const [first, second] = await arrive(taker, 2);
    first!.ack();
    first!.ack();
    first!.nak();
    await untilDepth(bus, "q", 1);
    // The other comes back after its wait, and it alone.
    const [again] = await arrive(taker, 1);
    assert.equal(again!.body, second!.body);
    again!.ack();
    await untilDepth(bus, "q", 0);
  });

  test("a message nobody acknowledges comes again", async (bus) => {
    await bus.openQueue("q", { ackWaitMs: 300 });
    await using taker = bus.take<number>("q");
    taker.want(3);
    await bus.send("q", numbered(1));
    const sent = performance.now();
    const [first] = await arrive(taker, 1);
    assert.equal(first!.deliveries, 1);
    const [second] = await arrive(taker, 1);
    const waited = performance.now() - sent;
    assert.ok(waited > 250 && waited < 5_000, `came again after ${waited} ms`);
    assert.equal(second!.deliveries, 2);
    const [third] = await arrive(taker, 1);
    assert.equal(third!.deliveries, 3);
    third!.ack();
    await untilDepth(bus, "q", 0);
  });

  test("ack() counts also when the wait is over", async (bus) => {
    await bus.openQueue("q", { ackWaitMs: 200 });
    await using taker = bus.take<number>("q");
    taker.want(2);
    await bus.send("q", numbered(1));
    const [first] = await arrive(taker, 1);
    await arrive(taker, 1);
    first!.ack();
    await untilDepth(bus, "q", 0);
  });

  test("the wait is fixed by whoever opens first", async (bus) => {
    await bus.openQueue("q", { ackWaitMs: 200 });
    await bus.openQueue("q", { ackWaitMs: 60_000 });
    await bus.openQueue("q");
    await bus.send("q", numbered(1));
    await using taker = bus.take<number>("q");
    taker.want(2);
    await arrive(taker, 1);
    assert.equal((await arrive(taker, 1))[0]!.deliveries, 2);
  });

  test("nak() gives a message back at once", async (bus) => {
    await bus.openQueue("q");
    await bus.send("q", numbered(1));
    await using a = bus.take<number>("q");
    await using b = bus.take<number>("q");
    a.want(1);
    const [first] = await arrive(a, 1);
    b.want(1);
    first!.nak();
    first!.ack();
    const [again] = await arrive(b, 1);
    assert.deepEqual([again!.body, again!.deliveries], [0, 2]);
  });

  test("nak() puts a message before those that are new", async (bus) => {
    await bus.openQueue("q");
    await bus.send("q", numbered(3));
    await using taker = bus.take<number>("q");
    taker.want(1);
    const [first] = await arrive(taker, 1);
    first!.nak();
    await bus.depth("q"); // answered after the nak has been seen
    taker.want(3);
    assert.deepEqual(bodies(await arrive(taker, 3)), [0, 1, 2]);
  });

  test("nak() waits as long as it is told", async (bus) => {
    await bus.openQueue("q");
    await bus.send("q", numbered(3));
    await using taker = bus.take<number>("q");
    taker.want(3);
    const [first, second] = await arrive(taker, 3);
    const given = performance.now();
    first!.nak(600);
    second!.nak(300);
    taker.want(2);
    const [sooner] = await arrive(taker, 1);
    const early = performance.now() - given;
    const [later] = await arrive(taker, 1);
    const late = performance.now() - given;
    assert.deepEqual([sooner!.body, later!.body], [1, 0]);
    assert.ok(early >= 295 && late >= 595, `came after ${early}, ${late} ms`);
    assert.equal(await bus.depth("q"), 3);
  });

  test("a taker that goes gives back what it holds", async (bus) => {
    await bus.openQueue("q");
    await bus.send("q", numbered(10));
    const goes = bus.take<number>("q");
    await using stays = bus.take<number>("q");
    goes.want(4);
    const held = await arrive(goes, 4);
    held[0]!.ack();
    goes.want(4);
    while (goes.wanted > 0) await turn(); // four more that it never fetches
    goes.want(20);
    const waiting = goes.next(); // may still be handed those four
    await goes[Symbol.asyncDispose]();
    await waiting;
    held[1]!.ack(); // what is done is done, even now
    held[2]!.nak(60_000); // it is not its own any more
    stays.want(10);
    const rest = await collect([stays], 8, (body) => body !== 1);
    assert.deepEqual(sorted(rest), [2, 3, 4, 5, 6, 7, 8, 9]);
    await untilDepth(bus, "q", 0);
  });

  test("a taker that goes ends its next()", async (bus) => {
    await bus.openQueue("q");
    const taker = bus.take("q");
    taker.want(1);
    const waiting = taker.next();
    await taker[Symbol.asyncDispose]();
    assert.equal(await waiting, undefined);
    assert.equal(await taker.next(), undefined);
    taker.want(1);
    assert.equal(taker.wanted, 0);
  });

  test("takers are disposed of twice, and before use", async (bus) => {
    const taker = bus.take("q");
    await taker[Symbol.asyncDispose]();
    await taker[Symbol.asyncDispose]();
  });

  test("messages survive takers that come and go", async (bus) => {
    // nats-server 2.9.10 may double a message that is given out again while its
    // taker goes, or keep it for the ack wait. None may get lost.
    await bus.openQueue("q", { ackWaitMs: 1_000 });
    const seen = new Set<number>();
    const sending = (async () => {
      for (let i = 0; i < 20; i++) {
        await bus.send("q", numbered(25, i * 25));
      }
    })();
    for (let round = 0; seen.size < 500; round++) {
      const taker = bus.take<number>("q");
      taker.want(40);
      for (const { body, ack } of methods(await arrive(taker, 1))) {
        if (round % 3 === 1) continue;
        seen.add(body);
        ack();
      }
      await taker[Symbol.asyncDispose]();
    }
    await sending;
    assert.deepEqual(sorted([...seen]), upTo(500));
    await untilDepth(bus, "q", 0);
  });

  test("a burst is neither lost nor doubled", async (bus) => {
    await bus.openQueue("q");
    const takers = [1, 2, 3, 4].map(() => bus.take<number>("q"));
    for (const taker of takers) taker.want(50);
    const [seen] = await Promise.all([
      collect(takers, 10_000),
      bus.send("q", numbered(10_000)),
    ]);
    assert.deepEqual(sorted(seen), upTo(10_000));
    await untilDepth(bus, "q", 0);
    await Promise.all(takers.map((taker) => taker[Symbol.asyncDispose]()));
  });

  test("depth() counts what waits and what is not acknowledged", async (bus) => {
    assert.equal(await bus.depth("q"), 0);
    await bus.openQueue("q");
    assert.equal(await bus.depth("q"), 0);
    await bus.send("q", numbered(5));
    assert.equal(await bus.depth("q"), 5);
    await using taker = bus.take<number>("q");
    taker.want(2);
    const [first, second] = await arrive(taker, 2);
    assert.equal(await bus.depth("q"), 5);
    first!.ack();
    await untilDepth(bus, "q", 4);
    second!.nak();
    assert.equal(await bus.depth("q"), 4);
    assert.equal(await bus.depth("q.none"), 0);
  });

  test("nudge() reaches everybody who watches", async (bus) => {
    const [a, b, c] = [new Seen(), new Seen(), new Seen()];
    using _a = await bus.watch("s", a.add);
    using _b = await bus.watch("s", b.add);
    using _c = await bus.watch("s.other", c.add);
    const body = { ids: [1] };
    bus.nudge("s", body);
    body.ids.push(2);
    assert.deepEqual(a.all, []);
    bus.nudge("s", undefined);
    bus.nudge("s.other", "last");
    await c.count(1);
    await Promise.all([a.count(2), b.count(2)]);
    assert.deepEqual(a.all, [{ ids: [1] }, null]);
    assert.deepEqual(b.all, a.all);
    assert.deepEqual(c.all, ["last"]);
  });

  test("watch() hears nothing once disposed of", async (bus) => {
    const [gone, there] = [new Seen(), new Seen()];
    const watching = await bus.watch("s", gone.add);
    using _there = await bus.watch("s", there.add);
    bus.nudge("s", 1);
    watching[Symbol.dispose]();
    watching[Symbol.dispose]();
    bus.nudge("s", 2);
    await there.count(2);
    assert.deepEqual(gone.all, []);
  });

  test("watch() works again after an end", async (bus) => {
    const old = await bus.watch("s", () => {});
    old[Symbol.dispose]();
    const seen = new Seen();
    using _seen = await bus.watch("s", seen.add);
    old[Symbol.dispose]();
    bus.nudge("s", 1);
    await seen.count(1);
  });

  test("watch() refuses names that no bus takes", async (bus) => {
    await assert.rejects(bus.watch("a.*", () => {}), TypeError);
  });

  test("nudge() never throws", async (bus) => {
    bus.nudge("s", 1n);
    bus.nudge("bad name", 1);
    await bus[Symbol.asyncDispose]();
    bus.nudge("s", 1);
  });

  test("the bus is disposed of twice, with all that is open", async (bus) => {
    await bus.openQueue("q");
    const taker = bus.take("q");
    taker.want(1);
    const waiting = taker.next();
    const watching = await bus.watch("s", () => {});
    const reconnects = bus.onReconnect(() => {});
    await Promise.all([bus[Symbol.asyncDispose](), bus[Symbol.asyncDispose]()]);
    await bus[Symbol.asyncDispose]();
    assert.equal(await waiting, undefined);
    await taker[Symbol.asyncDispose]();
    watching[Symbol.dispose]();
    reconnects[Symbol.dispose]();
    await assert.rejects(bus.send("q", numbered(1)), /disposed of/);
    await assert.rejects(bus.openQueue("q"), /disposed of/);
    await assert.rejects(bus.watch("s", () => {}), /disposed of/);
    assert.throws(() => bus.take("q"), /disposed of/);
  });
}

/** Messages whose bodies are numbers from `from`. */
export function numbered(
  count: number,
  from = 0,
): { id: string; body: number }[] {
  return upTo(count).map((i) => ({ id: `m${from + i}`, body: from + i }));
}

export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

export function sorted(numbers: number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}

export function bodies<T>(deliveries: Delivery<T>[]): T[] {
  return deliveries.map(({ body }) => body);
}

/** The next `count` deliveries, not acknowledged. Throws when they do not come. */
export async function arrive<T>(
  taker: Taker<T>,
  count: number,
  ms = 20_000,
): Promise<Delivery<T>[]> {
  using late = deadline(ms);
  const all: Delivery<T>[] = [];
  while (all.length < count) {
    const some = await taker.next(late.signal);
    assert.ok(some, `${all.length} of ${count} messages came in ${ms} ms`);
    assert.ok(some.length > 0);
    all.push(...some);
  }
  return all;
}

/** Bodies of `count` messages that the takers acknowledge, wanting another for each; with `only`, of those alone. */
export async function collect<T>(
  takers: Taker<T>[],
  count: number,
  only: (body: T) => boolean = () => true,
): Promise<T[]> {
  using late = deadline(60_000);
  const done = new AbortController();
  const signal = AbortSignal.any([late.signal, done.signal]);
  const seen: T[] = [];
  await Promise.all(takers.map(async (taker) => {
    while (seen.length < count) {
      const some = await taker.next(signal);
      if (some === undefined) break;
      for (const delivery of some) {
        if (only(delivery.body)) seen.push(delivery.body);
        delivery.ack();
        taker.want(1);
      }
    }
    done.abort();
  }));
  assert.ok(!late.signal.aborted, `${seen.length} of ${count} messages came`);
  return seen;
}

/** Acknowledgements are fire and forget, so there is nothing to wait for but the count. */
export async function untilDepth(
  bus: Bus,
  queue: string,
  depth: number,
): Promise<void> {
  const due = performance.now() + 10_000;
  let now: number;
  while ((now = await bus.depth(queue)) !== depth) {
    assert.ok(performance.now() < due, `depth is ${now}, not ${depth}`);
    await turn();
  }
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** Aborts after one turn of the event loop. */
function afterTurn(): AbortSignal {
  const controller = new AbortController();
  turn().then(() => controller.abort());
  return controller.signal;
}

function deadline(ms: number): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), ms);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}

function methods<T>(deliveries: Delivery<T>[]) {
  return deliveries.map((d) => ({ body: d.body, ack: () => d.ack() }));
}

/** What a watcher has heard. */
export class Seen {
  readonly all: unknown[] = [];
  #wake = Promise.withResolvers<void>();

  readonly add = (body: unknown): void => {
    this.all.push(body);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  };

  /** Resolves when exactly `count` bodies have been heard. */
  async count(count: number): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => reject(new Error(`heard ${this.all.length} of ${count}`)),
      20_000,
    );
    try {
      while (this.all.length < count) {
        await Promise.race([this.#wake.promise, late]);
      }
    } finally {
      clearTimeout(timer);
    }
    assert.equal(this.all.length, count);
  }
}
