import type { Bus } from "../bus/bus.ts";
import type { Db } from "../db/connect.ts";
import { nextDueIn } from "../db/dispatch.ts";
import { removeService, touchService } from "../db/service.ts";
import type { Due } from "../db/settle.ts";
import { LEASE_MS } from "../domain/agent_protocol.ts";
import { NUDGE } from "../domain/changes.ts";
import { isObject } from "../domain/json.ts";
import type { Log } from "../log.ts";
import { makeAlarm } from "./alarm.ts";
import { startDispatcher } from "./dispatch.ts";
import { watchFleet } from "./fleet_watch.ts";
import { startLoop } from "./loop.ts";
import { startSettler } from "./settle.ts";
import { makeSweep } from "./sweep.ts";
import { workQueues } from "./work_queues.ts";

export interface SchedulerOptions {
  /** How long an execution may wait for an agent; default 300 s. */
  queueTimeoutS?: number;
  /** How long a claim holds without a heartbeat; default `LEASE_MS`. */
  leaseMs?: number;
  /** An agent without a heartbeat for so long gets no work; default `leaseMs`. */
  silentMs?: number;
  /** Milliseconds between looks for what nobody tells; default 1,000. */
  sweepMs?: number;
  /** Work that is not in its queue after so long is sent again; default 3,000 ms. */
  resendMs?: number;
  /** Finished executions are deleted after so long; default 30. */
  keepExecutionsDays?: number;
  /** Agents that vanished are forgotten after so long; default 30. */
  keepWorkersDays?: number;
}

/**
 * Decides what happens next to executions, until disposed: dispatches, settles
 * and sweeps. Any number of these may run side by side on one database and bus.
 */
export async function startScheduler(
  { sql, bus, log, options = {} }: {
    sql: Db;
    bus: Bus;
    log: Log;
    options?: SchedulerOptions;
  },
): Promise<AsyncDisposable> {
  const {
    queueTimeoutS = 300,
    leaseMs = LEASE_MS,
    silentMs = leaseMs,
    sweepMs = 1_000,
    resendMs = 3_000,
    keepExecutionsDays = 30,
    keepWorkersDays = 30,
  } = options;
  const holder = `scheduler-${crypto.randomUUID()}`;
  await using undo = new AsyncDisposableStack();
  const queues = undo.use(workQueues({ bus, log }));

  const fleet = undo.use(
    await watchFleet({
      sql,
      bus,
      log,
      queues,
      silentMs,
      onReady: (key) => dispatcher.release(key),
    }),
  );
  const { view, match } = fleet;
  const dispatcher = undo.use(
    startDispatcher({ sql, bus, log, queues, view, match }),
  );
  const alarm = undo.use(makeAlarm(() => dispatcher.look()));

  function onRequested(due: readonly Due[]) {
    dispatcher.request(due.filter((d) => d.inMs === 0).map((d) => d.id));
    for (const { inMs } of due) if (inMs > 0) alarm.ring(inMs);
  }

  undo.use(
    await bus.watch(NUDGE.requested, (body) => dispatcher.request(idsOf(body))),
  );
  undo.use(await startSettler({ sql, bus, log, onRequested }));
  const sweep = undo.use(makeSweep({
    sql,
    bus,
    log,
    queues,
    dispatcher,
    fleet,
    holder,
    onRequested,
    queueTimeoutMs: queueTimeoutS * 1_000,
    leaseMs,
    sweepMs,
    resendMs,
    keepExecutionsDays,
    keepWorkersDays,
  }));

  undo.defer(() => removeService(sql, holder).catch(() => {}));
  const round = undo.use(startLoop({
    name: "the round",
    log,
    async step() {
      dispatcher.look();
      await touchService(sql, { id: holder, role: "scheduler" });
      const dueIn = await nextDueIn(sql);
      if (dueIn !== undefined) alarm.ring(dueIn);
      await sweep.run();
      return false;
    },
  }));
  const timer = setInterval(round.wake, sweepMs);
  undo.defer(() => clearInterval(timer));
  undo.use(bus.onReconnect(round.wake));
  round.wake();
  log.info("scheduling", { holder });

  const open = undo.move();
  return { [Symbol.asyncDispose]: () => open.disposeAsync() };
}

function idsOf(body: unknown): number[] {
  const ids = isObject(body) && Array.isArray(body.ids) ? body.ids : [];
  return ids.filter((id) => Number.isSafeInteger(id));
}
