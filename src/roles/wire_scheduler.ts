import type { Bus } from "../bus/bus.ts";
import type { Config } from "../config.ts";
import type { Db } from "../db/connect.ts";
import type { Log } from "../log.ts";
import { startScheduler } from "../scheduler/schedule.ts";

/** Decides what runs when. Pushed on `stack`. */
export async function openScheduler(
  config: Config,
  { db, bus, log }: { db: Db; bus: Bus; log: Log },
  stack: AsyncDisposableStack,
): Promise<void> {
  const { queue_timeout, execution_retention_days, worker_retention_days } =
    config.scheduler;
  stack.use(
    await startScheduler({
      sql: db,
      bus,
      log,
      options: {
        queueTimeoutS: queue_timeout,
        keepExecutionsDays: execution_retention_days,
        keepWorkersDays: worker_retention_days,
      },
    }),
  );
}
