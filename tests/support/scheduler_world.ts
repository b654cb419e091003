import type { Bus, Taker } from "../../src/bus/bus.ts";
import { embeddedBus } from "../../src/bus/embedded.ts";
import { type ClaimedRow, claimExecutions } from "../../src/db/claim.ts";
import type { Db } from "../../src/db/connect.ts";
import type {
  OutcomeReport,
  WorkMessage,
} from "../../src/domain/agent_protocol.ts";
import {
  type ExecutionChange,
  NUDGE,
  QUEUE,
} from "../../src/domain/changes.ts";
import { type Log, silentLog } from "../../src/log.ts";
import {
  type SchedulerOptions,
  startScheduler,
} from "../../src/scheduler/schedule.ts";
import { coreRuntimes } from "./executions.ts";
import { testDb } from "./test_db.ts";
import { until } from "./until.ts";

/** A fresh database and bus, on which an API seems to have been up for long. */
export interface World extends AsyncDisposable {
  readonly sql: Db;
  readonly bus: Bus;
  /** Every transition that was announced, in order. */
  readonly changes: ExecutionChange[];
  /** Starts one more scheduler; it ends with the world. */
  scheduler(options?: SchedulerOptions, log?: Log): Promise<AsyncDisposable>;
  /** Waits until an execution is in a status. */
  reached(id: number, status: string): Promise<ExecutionState>;
}

export interface ExecutionState {
  status: string;
  reason: string | null;
  error: string | null;
  waiting_for: string | null;
  attempt: number;
  dispatches: number;
}

export async function schedulerWorld(
  openBus: () => Promise<Bus> = () => Promise.resolve(embeddedBus()),
): Promise<World> {
  await using undo = new AsyncDisposableStack();
  const { sql } = undo.use(await testDb());
  const bus = undo.use(await openBus());
  const changes: ExecutionChange[] = [];
  undo.use(
    await bus.watch<{ changes: ExecutionChange[] }>(
      NUDGE.changed,
      (body) => changes.push(...body.changes),
    ),
  );
  await coreRuntimes(sql);
  await sql`
    insert into service (id, role, started_at, seen_at)
    values ('api', 'api', now() - interval '1 hour', now() + interval '1 hour')`;
  const open = undo.move();
  return {
    sql,
    bus,
    changes,
    async scheduler(options = {}, log = silentLog) {
      return open.use(await startScheduler({ sql, bus, log, options }));
    },
    reached: (id, status) =>
      until(`execution ${id} to be ${status}`, async () => {
        const row = await stateOf(sql, id);
        return row.status === status && row;
      }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

export async function stateOf(sql: Db, id: number): Promise<ExecutionState> {
  const [row] = await sql<ExecutionState[]>`
    select status, reason, result->>'error' as error, waiting_for, attempt, dispatches
    from execution where id = ${id}`;
  return row!;
}

/** A success, unless `over` says otherwise. */
export function outcomeOf(
  { id, attempt, lease_token }: Pick<
    ClaimedRow,
    "id" | "attempt" | "lease_token"
  >,
  over: Partial<OutcomeReport> = {},
): OutcomeReport {
  return {
    id,
    attempt,
    lease: lease_token,
    worker_id: 0,
    status: "completed",
    reason: null,
    result: { succeeded: true, exit_code: 0, duration_ms: 1 },
    isolation: null,
    usage: null,
    logs: [],
    ...over,
  };
}

export function sendOutcomes(
  bus: Bus,
  ...outcomes: OutcomeReport[]
): Promise<void> {
  return bus.send(
    QUEUE.outcome,
    outcomes.map((body) => ({ id: crypto.randomUUID(), body })),
  );
}

export interface SimulatedAgent extends AsyncDisposable {
  /** What it claimed, in order. */
  readonly claimed: ClaimedRow[];
}

/**
 * What an agent does, without processes: pulls for the keys it is told,
 * claims, and reports what `run` answers; undefined = it reports nothing.
 */
export async function simulateAgent(
  { sql, bus }: Pick<World, "sql" | "bus">,
  worker: number,
  run: (row: ClaimedRow) => Partial<OutcomeReport> | undefined = () => ({}),
  { slots = 16 } = {},
): Promise<SimulatedAgent> {
  const claimed: ClaimedRow[] = [];
  const takers = new Map<string, Taker<WorkMessage>>();
  const pulling: Promise<void>[] = [];

  async function pull(taker: Taker<WorkMessage>) {
    taker.want(slots);
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- batch after batch
      const work = await taker.next();
      if (work === undefined) return;
      // deno-lint-ignore no-await-in-loop -- batch after batch
      const answer = await claimExecutions(
        sql,
        worker,
        work.map((w) => w.body),
      );
      bus.nudge(NUDGE.changed, { changes: answer.changes });
      for (const delivery of work) delivery.ack();
      claimed.push(...answer.claimed);
      const outcomes = answer.claimed.flatMap((row) => {
        const over = run(row);
        return over === undefined ? [] : [outcomeOf(row, over)];
      });
      // deno-lint-ignore no-await-in-loop -- batch after batch
      if (outcomes.length > 0) await sendOutcomes(bus, ...outcomes);
      taker.want(work.length);
    }
  }

  async function heartbeat() {
    const rows = await sql<{ key: string }[]>`
      select key from worker_requirement where worker = ${worker}`;
    for (const { key } of rows) {
      if (takers.has(key)) continue;
      const taker = bus.take<WorkMessage>(QUEUE.work(key));
      takers.set(key, taker);
      pulling.push(pull(taker));
    }
  }

  let beat = Promise.resolve();
  const nudged = await bus.watch(NUDGE.agent(worker), () => {
    beat = beat.then(heartbeat);
  });
  beat = beat.then(heartbeat);
  await beat;
  return {
    claimed,
    async [Symbol.asyncDispose]() {
      nudged[Symbol.dispose]();
      await beat;
      await Promise.all(
        [...takers.values()].map((taker) => taker[Symbol.asyncDispose]()),
      );
      await Promise.all(pulling);
    },
  };
}
