import assert from "node:assert/strict";
import {
  anAction,
  aWorker,
  executions,
} from "../../tests/support/executions.ts";
import {
  schedulerWorld,
  simulateAgent,
  type World,
} from "../../tests/support/scheduler_world.ts";
import { until } from "../../tests/support/until.ts";
import { dispatchExecutions } from "../db/dispatch.ts";
import { NUDGE } from "../domain/changes.ts";

async function unfinished({ sql }: World): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*) from execution where finished_at is null`;
  return row!.count;
}

Deno.test("startScheduler() runs each of 2,000 executions once, two schedulers side by side", async () => {
  await using world = await schedulerWorld();
  const { sql, bus } = world;
  const workers = [await aWorker(sql), await aWorker(sql), await aWorker(sql)];
  const actions = [
    await anAction(sql),
    await anAction(sql, { runtimeVersion: "5" }),
  ];
  await Promise.all([
    world.scheduler({ sweepMs: 50, resendMs: 200 }),
    world.scheduler({ sweepMs: 50, resendMs: 200 }),
  ]);
  const runs = new Map<string, number>();
  await using agents = new AsyncDisposableStack();
  for (const worker of workers) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    const agent = await simulateAgent(world, worker, (row) => {
      const key = `${row.id}.${row.attempt}`;
      runs.set(key, (runs.get(key) ?? 0) + 1);
      return {};
    });
    agents.use(agent);
  }
  const ids: number[] = [];
  for (let n = 0; n < 40; n++) {
    // deno-lint-ignore no-await-in-loop -- as requests arrive
    const some = await executions(sql, actions[n % 2]!, 50);
    bus.nudge(NUDGE.requested, { ids: some });
    ids.push(...some);
  }
  await until("all to end", async () => await unfinished(world) === 0, {
    withinMs: 60_000,
  });
  assert.equal(runs.size, ids.length);
  assert.deepEqual([...runs.values()].filter((n) => n !== 1), []);
  const rows = await sql<{ status: string; attempt: number; count: number }[]>`
    select status, attempt, count(*) from execution group by 1, 2`;
  assert.deepEqual(rows.map((r) => ({ ...r })), [{
    status: "completed",
    attempt: 1,
    count: 2_000,
  }]);
  const steps = Map.groupBy(world.changes, (change) => change.id);
  assert.ok(steps.values().every((of) => of.at(-1)?.status === "completed"));
});

Deno.test("dispatchExecutions() is as fast beside 100,000 waiting executions", async () => {
  await using world = await schedulerWorld();
  const { sql } = world;
  await aWorker(sql);
  const ready = await anAction(sql);
  const away = await anAction(sql, { runtime: "python" });
  const scheduler = await world.scheduler({ sweepMs: 60_000 });
  await scheduler[Symbol.asyncDispose]();

  /** Milliseconds for 2,000 executions, in batches. */
  async function measure(): Promise<number> {
    await executions(sql, ready, 2_000);
    const start = performance.now();
    // deno-lint-ignore no-await-in-loop -- batch after batch
    while ((await dispatchExecutions(sql, { oldest: true })).picked > 0);
    return performance.now() - start;
  }

  await measure();
  const empty = Math.min(await measure(), await measure(), await measure());
  await executions(sql, away, 100_000);
  await sql`update execution set waiting_for = 'an agent', requirement = (
    select key from action_requirement where action = ${away.id}) where action = ${away.id}`;
  await measure();
  const crowded = Math.min(await measure(), await measure(), await measure());
  const [left] = await sql<{ count: number }[]>`
    select count(*) from execution where status = 'requested' and waiting_for is null`;
  assert.equal(left!.count, 0);
  assert.ok(
    crowded < 3 * empty,
    `2,000 took ${empty.toFixed()} ms alone and ${crowded.toFixed()} ms beside 100,000`,
  );
});
