import type { Bus } from "../bus/bus.ts";
import type { Db } from "../db/connect.ts";
import { dropUnusedRequirements, lockFleet } from "../db/fleet.ts";
import { loseExecutions } from "../db/lost.ts";
import {
  dropOldExecutions,
  dropOldLogs,
  dropOldWorkers,
} from "../db/retention.ts";
import {
  acquireLease,
  controlPlaneUpFor,
  releaseLease,
} from "../db/service.ts";
import type { Due } from "../db/settle.ts";
import { analyzeWhenGrown } from "../db/statistics.ts";
import {
  failLate,
  oldQueues,
  resendOldest,
  type Swept,
  waitingInVain,
} from "../db/sweep.ts";
import type { Log } from "../log.ts";
import { announce } from "./announce.ts";
import type { Dispatcher } from "./dispatch.ts";
import type { FleetWatch } from "./fleet_watch.ts";
import type { WorkQueues } from "./work_queues.ts";

export interface SweepOptions {
  sql: Db;
  bus: Bus;
  log: Log;
  queues: WorkQueues;
  dispatcher: Dispatcher;
  fleet: FleetWatch;
  /** Names this process among those that sweep. */
  holder: string;
  onRequested: (due: readonly Due[]) => void;
  queueTimeoutMs: number;
  leaseMs: number;
  sweepMs: number;
  /** A scheduled row should have its message after so long. */
  resendMs: number;
  keepExecutionsDays: number;
  keepWorkersDays: number;
}

export interface Sweep extends AsyncDisposable {
  /** One round; resolves when it is done. Rounds do not overlap. */
  run(): Promise<void>;
}

const LEASE = "scheduler.sweep";
/** A pause between rounds longer than this means that this process, or the database, was away. */
const AWAY_MS = 5_000;
const RETENTION_MS = 60_000;
const RETENTION_BATCHES = 20;
const RESEND_LIMIT = 1_000;
const REQUIREMENT_UNUSED_MS = 3_600_000;

/** What must be found out by looking, as nobody tells it; one process at a time does it. */
export function makeSweep(options: SweepOptions): Sweep {
  const { sql, bus, log, queues, dispatcher, fleet, holder } = options;
  const { queueTimeoutMs, leaseMs, sweepMs, resendMs } = options;
  let upSince = performance.now();
  let lastRound = upSince;
  let resentAt = -Infinity;
  let retainedAt = -Infinity;
  let analyzed = 0;
  let reconnected = true;
  let round = Promise.resolve();
  const onReconnect = bus.onReconnect(() => reconnected = true);

  /** Milliseconds for which both this process and the API have been there. */
  async function upFor(): Promise<number> {
    const { apiMs } = await controlPlaneUpFor(sql);
    return Math.min(apiMs ?? 0, performance.now() - upSince);
  }

  async function loseExpired() {
    for (let full = true; full;) {
      // deno-lint-ignore no-await-in-loop -- batch after batch
      const lost = await loseExecutions(sql, { expired: true });
      announce(bus, lost.changes);
      if (lost.requested.length > 0) options.onRequested(lost.requested);
      if (lost.changes.length > 0) {
        const ids = lost.changes.map((change) => change.id);
        log.warn("leases ran out", { executions: ids });
      }
      full = lost.full;
    }
  }

  async function drain(next: () => Promise<Swept>) {
    for (let full = true; full;) {
      // deno-lint-ignore no-await-in-loop -- batch after batch
      const swept = await next();
      announce(bus, swept.changes);
      full = swept.full;
    }
  }

  /** Sends again what is scheduled but no longer in its queue. */
  async function resendMissing(olderMs: number) {
    for (const { key, count } of await oldQueues(sql, { olderMs })) {
      // deno-lint-ignore no-await-in-loop -- few keys have old work
      const missing = count - await queues.depth(key);
      if (missing <= 0) continue;
      const limit = Math.min(missing, RESEND_LIMIT);
      // deno-lint-ignore no-await-in-loop -- few keys have old work
      const attempts = await resendOldest(sql, { key, olderMs, limit });
      log.warn("work was missing from its queue", { key, missing });
      // deno-lint-ignore no-await-in-loop -- few keys have old work
      await queues.send(attempts);
    }
  }

  async function retain() {
    const { keepExecutionsDays, keepWorkersDays } = options;
    const drops = [
      () => dropOldLogs(sql),
      () => dropOldExecutions(sql, { days: keepExecutionsDays }),
      () => dropOldWorkers(sql, { days: keepWorkersDays }),
    ];
    for (const drop of drops) {
      for (let batch = 0; batch < RETENTION_BATCHES; batch++) {
        // deno-lint-ignore no-await-in-loop -- small batches, so that nobody waits for long
        if (await drop() === 0) break;
      }
    }
    await sql.begin(async (tx) => {
      await lockFleet(tx);
      await dropUnusedRequirements(tx, { unusedMs: REQUIREMENT_UNUSED_MS });
    });
  }

  /** One part of a round; its failure does not stop the others. */
  async function part(name: string, act: () => Promise<unknown>) {
    try {
      await act();
    } catch (error) {
      log.error(`${name} failed and is tried again`, { error });
    }
  }

  async function sweep() {
    const now = performance.now();
    if (now - lastRound > AWAY_MS) upSince = now;
    if (!await acquireLease(sql, LEASE, holder, 3 * sweepMs)) return;
    lastRound = now;
    await part("analyzing tables", async () => {
      analyzed = await analyzeWhenGrown(sql, analyzed);
    });
    await part("matching the fleet", () => fleet.look());
    const up = await upFor();
    if (up >= leaseMs) await part("ending lost leases", loseExpired);
    if (up >= queueTimeoutMs) {
      const late = () => failLate(sql, { timeoutMs: queueTimeoutMs });
      await part("ending what waited too long", () => drain(late));
    }
    await part("finding what waits in vain", async () => {
      for (const key of await waitingInVain(sql)) dispatcher.release(key);
    });
    if (reconnected || now - resentAt >= resendMs) {
      resentAt = now;
      const olderMs = reconnected ? 0 : resendMs;
      reconnected = false;
      await part("sending lost work again", () => resendMissing(olderMs));
    }
    if (now - retainedAt >= RETENTION_MS) {
      retainedAt = now;
      await part("retention", retain);
    }
  }

  return {
    run: () => round = round.then(() => part("the sweep", sweep)),
    async [Symbol.asyncDispose]() {
      onReconnect[Symbol.dispose]();
      await round;
      await part(
        "giving the sweep to others",
        () => releaseLease(sql, LEASE, holder),
      );
    },
  };
}
