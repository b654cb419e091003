import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import { natsTest, testNats } from "../../tests/support/nats.ts";
import { arrive, bodies, numbered, Seen, turn } from "./bus_contract.ts";
import { connectNats } from "./nats.ts";
import { deliveriesOf } from "./nats_delivery.ts";
import { natsOptionsOf } from "./nats_options.ts";

natsTest(
  "want() asks for what is wished and not asked for yet, and renews it as one",
  async () => {
    await using server = await testNats();
    await using bus = await connectNats(natsOptionsOf(server.address));
    await bus.openQueue("q");
    await using pulls = await watchPulls(server.address);
    await using taker = bus.take<number>("q");
    taker.want(2);
    taker.want(1);
    await pulls.count(1);
    await turn();
    taker.want(4);
    await pulls.count(2);
    assert.deepEqual(pulls.batches(), [3, 4]);
    // Both end together and become one, which lives longer: the consumer is there.
    await pulls.count(3);
    assert.deepEqual(pulls.batches(), [3, 4, 7]);
    const [first, , renewed] = pulls.all;
    assert.ok(first!.expires <= 500e6 && renewed!.expires > 4_000e6);
    await bus.send("q", numbered(7));
    assert.equal((await arrive(taker, 7)).length, 7);
    assert.equal(pulls.all.length, 3);
  },
);

natsTest(
  "want() never has more than a few requests at the server",
  async () => {
    await using server = await testNats();
    await using bus = await connectNats(natsOptionsOf(server.address));
    await bus.openQueue("q");
    await using pulls = await watchPulls(server.address);
    await using taker = bus.take<number>("q");
    for (let i = 0; i < 40; i++) {
      taker.want(1);
      // deno-lint-ignore no-await-in-loop -- each its own turn
      await turn();
    }
    const asked = pulls.batches().reduce((sum, batch) => sum + batch, 0);
    assert.ok(
      asked <= 16,
      `${asked} asked for in ${pulls.all.length} requests`,
    );
    await bus.send("q", numbered(40));
    assert.equal((await arrive(taker, 40)).length, 40);
  },
);

natsTest(
  "take() asks on for a queue that is not there, and has it soon after",
  async () => {
    await using server = await testNats();
    await using agent = await connectNats(natsOptionsOf(server.address));
    await using control = await connectNats(natsOptionsOf(server.address));
    await using pulls = await watchPulls(server.address);
    await using taker = agent.take<number>("q");
    taker.want(1);
    await pulls.count(2);
    await control.openQueue("q");
    await control.send("q", numbered(1));
    const sent = performance.now();
    assert.deepEqual(bodies(await arrive(taker, 1)), [0]);
    assert.ok(performance.now() - sent < 4_000);
  },
);

natsTest("a taker that goes leaves no request behind", async () => {
  await using server = await testNats();
  await using bus = await connectNats(natsOptionsOf(server.address));
  await bus.openQueue("q");
  await using pulls = await watchPulls(server.address);
  for (const batch of [1, 5, 100]) {
    const taker = bus.take("q");
    taker.want(batch);
    // deno-lint-ignore no-await-in-loop -- one after the other
    await pulls.count(pulls.all.length + 1);
    // deno-lint-ignore no-await-in-loop -- one after the other
    await taker[Symbol.asyncDispose]();
  }
  await using taker = bus.take<number>("q");
  taker.want(10);
  await bus.send("q", numbered(10));
  const came = await arrive(taker, 10, 5_000);
  assert.deepEqual(came.map((d) => d.deliveries), Array(10).fill(1));
});

Deno.test("deliveriesOf() reads the subjects of old and new servers", () => {
  const cases: [string, number][] = [
    ["$JS.ACK.attune_work.work=k.3.17.21.1700000000000000000.4", 3],
    ["$JS.ACK._.hash.attune_work.work=k.2.17.21.1700000000000000000.4", 2],
    ["$JS.ACK.hub.hash.attune_work.work=k.5.17.21.17.4.random", 5],
  ];
  for (const [subject, deliveries] of cases) {
    assert.equal(deliveriesOf(subject), deliveries);
  }
});

/** Listens to the pull requests of everybody. */
async function watchPulls(
  address: { servers: string[]; user?: string; password?: string },
) {
  const { servers, user, password } = address;
  const nc = await connect({ servers, user: user!, pass: password! });
  const seen = new Seen();
  nc.subscribe("$JS.API.CONSUMER.MSG.NEXT.>", {
    callback: (_error, msg) => seen.add(msg.json()),
  });
  await nc.flush();
  const all = seen.all as { batch: number; expires: number }[];
  return {
    all,
    batches: () => all.map(({ batch }) => batch),
    count: (count: number) => seen.count(count),
    [Symbol.asyncDispose]: () => nc.close(),
  };
}
