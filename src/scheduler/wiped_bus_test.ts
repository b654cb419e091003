import assert from "node:assert/strict";
import {
  anAction,
  aWorker,
  executions,
} from "../../tests/support/executions.ts";
import { natsTest, testNats } from "../../tests/support/nats.ts";
import {
  schedulerWorld,
  simulateAgent,
} from "../../tests/support/scheduler_world.ts";
import { until } from "../../tests/support/until.ts";
import { connectNats } from "../bus/nats.ts";
import { natsOptionsOf } from "../bus/nats_options.ts";
import { NUDGE, QUEUE } from "../domain/changes.ts";

natsTest(
  "startScheduler() recovers by itself when the bus lost everything",
  async () => {
    await using nats = await testNats();
    await using world = await schedulerWorld(() =>
      connectNats(natsOptionsOf(nats.address))
    );
    const { sql, bus } = world;
    const worker = await aWorker(sql);
    await sql`update worker set last_heartbeat = now() + interval '1 hour'`;
    const action = await anAction(sql);
    await world.scheduler({ sweepMs: 200 });
    const [offer] = await sql<
      { key: string }[]
    >`select key from worker_requirement`;
    const queue = QUEUE.work(offer!.key);

    const ids = await executions(sql, action, 150);
    bus.nudge(NUDGE.requested, { ids });
    await until("all in the queue", async () => await bus.depth(queue) === 150);
    await nats.wipe();
    const meanwhile = await executions(sql, action, 20);
    await nats.restart();

    await using agent = await simulateAgent(world, worker);
    await until("all to end", async () => {
      const rows = await sql`select from execution where status <> 'completed'`;
      return rows.length === 0;
    }, { withinMs: 30_000 });
    assert.deepEqual(
      [...new Set(agent.claimed.map((row) => row.id))].sort((a, b) => a - b),
      [...ids, ...meanwhile],
    );
  },
);
