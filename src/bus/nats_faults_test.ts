// deno-lint-ignore-file no-await-in-loop -- tests go step by step
import assert from "node:assert/strict";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { natsTest, testNats } from "../../tests/support/nats.ts";
import { makeLog } from "../log.ts";
import type { Bus } from "./bus.ts";
import {
  arrive,
  bodies,
  numbered,
  Seen,
  sorted,
  turn,
  untilDepth,
  upTo,
} from "./bus_contract.ts";
import { connectNats } from "./nats.ts";
import { natsOptionsOf } from "./nats_options.ts";

natsTest(
  "a server killed and started again has lost nothing it took",
  async () => {
    await using server = await testNats();
    await using bus = await connectNats(natsOptionsOf(server.address));
    await bus.openQueue("q", { ackWaitMs: 1_000 });
    await using taker = bus.take<number>("q");
    const seen = new Set<number>();
    const stop = new AbortController();
    taker.want(20);
    const taking = (async () => {
      while (true) {
        const some = await taker.next(stop.signal);
        if (some === undefined) return;
        for (const delivery of some) {
          seen.add(delivery.body);
          delivery.ack();
          taker.want(1);
        }
      }
    })();
    for (let round = 0; round < 4; round++) {
      // What is not acknowledged is sent again, as the sender of a rejected send does.
      await sendSurely(bus, "q", numbered(200, round * 200));
      const sending = sendSurely(bus, "q", numbered(200, 800 + round * 200));
      await server.kill();
      await server.restart();
      await sending;
    }
    const due = performance.now() + 20_000;
    while (seen.size < 1_600 && performance.now() < due) await turn();
    assert.deepEqual(sorted([...seen]), upTo(1_600));
    await untilDepth(bus, "q", 0);
    stop.abort();
    await taking;
  },
);

natsTest("takers wait for a server that is away", async () => {
  await using server = await testNats();
  const { promise: noticed, resolve } = Promise.withResolvers<void>();
  const log = makeLog({
    level: "info",
    format: "json",
    write: (line) => line.includes("bus away") && resolve(),
  });
  const options = { ...natsOptionsOf(server.address), log };
  await using bus = await connectNats(options);
  await bus.openQueue("q");
  await bus.openQueue("idle");
  await using before = bus.take<number>("q");
  await using idle = bus.take<string>("idle");
  idle.want(1);
  before.want(1);
  await bus.send("q", numbered(3));
  const [held] = await arrive(before, 1);
  const { back } = connectionEvents(bus);
  await server.kill();
  await noticed;
  await using during = bus.take<number>("q");
  during.want(10);
  held!.ack(); // kept until the connection is back
  bus.nudge("s", 1);
  await server.restart();
  await back;
  // A killed server may forget that it gave out the first, and give it again.
  const seen = new Set<number>();
  while (!(seen.has(1) && seen.has(2))) {
    for (const { body } of await arrive(during, 1)) seen.add(body);
  }
  await untilDepth(bus, "q", 2);
  await bus.send("idle", [{ id: "1", body: "wished for long ago" }]);
  await arrive(idle, 1);
});

natsTest("queues and takers recover when the store was wiped", async () => {
  await using server = await testNats();
  await using control = await connectNats(natsOptionsOf(server.address));
  await using other = await connectNats(natsOptionsOf(server.address));
  await control.openQueue("work.a");
  // In the process that opens queues, and in one that only takes.
  await using near = control.take<number>("work.a");
  await using far = other.take<number>("work.a");
  near.want(1);
  far.want(1);
  const { back } = connectionEvents(control);
  await server.wipe();
  await server.restart();
  await back;
  assert.equal(await control.depth("work.a"), 0);
  await control.openQueue("work.a");
  await control.send("work.a", numbered(2));
  const came = await Promise.all([arrive(near, 1), arrive(far, 1)]);
  assert.deepEqual(sorted(bodies(came.flat())), [0, 1]);
});

natsTest("send() makes a queue that was wiped", async () => {
  await using server = await testNats();
  await using bus = await connectNats(natsOptionsOf(server.address));
  await bus.openQueue("q");
  await using taker = bus.take<number>("q");
  taker.want(2);
  await server.wipe();
  await server.restart();
  await bus.send("q", numbered(2));
  assert.deepEqual(bodies(await arrive(taker, 2)), [0, 1]);
});

natsTest("takers outlive a consumer that somebody deletes", async () => {
  await using server = await testNats();
  await using bus = await connectNats(natsOptionsOf(server.address));
  await bus.openQueue("q");
  await using taker = bus.take<number>("q");
  taker.want(2);
  await bus.send("q", numbered(1));
  await arrive(taker, 1);
  const { user, password, servers } = server.address;
  const nc = await connect({ servers, user: user!, pass: password! });
  const jsm = await jetstreamManager(nc);
  await jsm.consumers.delete("attune_q", "q");
  await nc.close();
  await using other = await connectNats(natsOptionsOf(server.address));
  await other.openQueue("q");
  // The first was not acknowledged, so the new consumer gives it again.
  assert.deepEqual(bodies(await arrive(taker, 1)), [0]);
});

natsTest(
  "send() rejects when the server stays away, and names the queue",
  async () => {
    await using server = await testNats();
    await using bus = await connectNats({
      ...natsOptionsOf(server.address),
      awayMs: 300,
    });
    await bus.openQueue("q");
    await server.kill();
    await assert.rejects(
      bus.send("q", numbered(1)),
      /Cannot send message m0 to the queue "q".*(away|answer)/,
    );
    await assert.rejects(bus.depth("q"), /depth of the queue "q".*away/);
    await assert.rejects(bus.openQueue("q2"), /open the queue "q2".*away/);
    bus.nudge("s", 1);
  },
);

natsTest("a bus whose server is gone is disposed of promptly", async () => {
  await using server = await testNats();
  const bus = await connectNats(natsOptionsOf(server.address));
  await bus.openQueue("q");
  const taker = bus.take("q");
  taker.want(1);
  const waiting = taker.next();
  await server.kill();
  const began = performance.now();
  await bus[Symbol.asyncDispose]();
  assert.equal(await waiting, undefined);
  assert.ok(performance.now() - began < 4_000);
});

natsTest(
  "onReconnect() tells of each time the connection came back",
  async () => {
    await using server = await testNats();
    await using bus = await connectNats(natsOptionsOf(server.address));
    const seen = new Seen();
    const told = new Seen();
    using _told = bus.onReconnect(() => told.add(1));
    const gone = bus.onReconnect(() => assert.fail("was disposed of"));
    gone[Symbol.dispose]();
    using _watching = await bus.watch("s", seen.add);
    for (const round of [1, 2]) {
      await server.kill();
      await server.restart();
      await told.count(round);
      bus.nudge("s", round);
      await seen.count(round);
    }
    assert.deepEqual(seen.all, [1, 2]);
  },
);

natsTest(
  "buses of different prefixes share a server and nothing else",
  async () => {
    await using server = await testNats();
    const options = natsOptionsOf(server.address);
    await using a = await connectNats({ ...options, prefix: "a" });
    await using b = await connectNats({ ...options, prefix: "b" });
    const [ofA, ofB] = [new Seen(), new Seen()];
    using _a = await a.watch("s", ofA.add);
    using _b = await b.watch("s", ofB.add);
    await a.send("q", [{ id: "1", body: "a" }]);
    assert.equal(await b.depth("q"), 0);
    await b.send("q", [{ id: "1", body: "b" }]);
    await using taker = b.take<string>("q");
    taker.want(2);
    assert.deepEqual(bodies(await arrive(taker, 1)), ["b"]);
    a.nudge("s", "a");
    b.nudge("s", "b");
    await Promise.all([ofA.count(1), ofB.count(1)]);
    assert.deepEqual([ofA.all, ofB.all], [["a"], ["b"]]);
  },
);

natsTest(
  "send() refuses what the server cannot carry, and takes what it can",
  async () => {
    await using server = await testNats();
    await using bus = await connectNats(natsOptionsOf(server.address));
    const big = "x".repeat(1_000_000);
    await bus.send("q", [{ id: "fits", body: big }]);
    await assert.rejects(
      bus.send("q", [{ id: "m1", body: big + "x".repeat(50_000) }]),
      /message m1 to attune\.q: its 1050002 bytes .* max_payload of 1048576/,
    );
    await using taker = bus.take<string>("q");
    taker.want(1);
    assert.equal((await arrive(taker, 1))[0]!.body, big);
  },
);

natsTest("a message that is not JSON is dropped and harms nobody", async () => {
  await using server = await testNats();
  await using bus = await connectNats(natsOptionsOf(server.address));
  await bus.openQueue("q");
  const { user, password, servers } = server.address;
  const nc = await connect({ servers, user: user!, pass: password! });
  nc.publish("attune.q", "no json");
  await nc.flush();
  await nc.close();
  await bus.send("q", numbered(1));
  await using taker = bus.take<number>("q");
  taker.want(1);
  const [delivery] = await arrive(taker, 1);
  assert.equal(delivery!.body, 0);
  delivery!.ack();
  await untilDepth(bus, "q", 0);
});

function connectionEvents(bus: Bus): { back: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const listening = bus.onReconnect(() => {
    listening[Symbol.dispose]();
    resolve();
  });
  return { back: promise };
}

/** Sends until it was taken. */
async function sendSurely(
  bus: Bus,
  queue: string,
  messages: { id: string; body: number }[],
): Promise<void> {
  for (let tries = 0;; tries++) {
    try {
      return await bus.send(queue, messages);
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}
