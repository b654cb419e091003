import { Buffer } from "node:buffer";
import postgres from "postgres";
import type { Bus, Delivery } from "../bus/bus.ts";
import type { Db } from "../db/connect.ts";
import { appendLogs } from "../db/execution_log.ts";
import { loseExecutions } from "../db/lost.ts";
import { type Due, type Moved, settleOutcomes } from "../db/settle.ts";
import type { OutcomeReport } from "../domain/agent_protocol.ts";
import { QUEUE } from "../domain/changes.ts";
import type { Log } from "../log.ts";
import { makePace, PACE_MS } from "../pace.ts";
import { announce } from "./announce.ts";
import { parseOutcome } from "./parse_outcome.ts";

export interface SettlerOptions {
  sql: Db;
  bus: Bus;
  log: Log;
  /** Attempts that are requested now or later. */
  onRequested: (due: readonly Due[]) => void;
}

const BATCH = 100;
/** Most bytes of results and logs in one statement, but always one report. */
const BATCH_BYTES = 8 * 1024 * 1024;
const RETRY_MS = 1_000;

interface Report {
  delivery: Delivery<unknown>;
  outcome: OutcomeReport;
}

/** Takes outcomes from the bus and makes them true, until disposed. */
export async function startSettler(
  { sql, bus, log, onRequested }: SettlerOptions,
): Promise<AsyncDisposable> {
  const open = () => bus.openQueue(QUEUE.outcome);
  await open();
  const reconnected = bus.onReconnect(() => {
    open().catch((error) =>
      log.warn("could not open the outcome queue", { error })
    );
  });
  const taker = bus.take<unknown>(QUEUE.outcome);
  taker.want(2 * BATCH);

  function publish({ changes, requested }: Moved) {
    announce(bus, changes);
    if (requested.length > 0) onRequested(requested);
  }

  async function settle(reports: readonly Report[]): Promise<void> {
    try {
      publish(await move(sql, reports.map((r) => r.outcome)));
      for (const { delivery } of reports) delivery.ack();
    } catch (error) {
      if (!isFaultOfData(error)) {
        log.warn("could not store outcomes; they come again", { error });
        for (const { delivery } of reports) delivery.nak(RETRY_MS);
      } else if (reports.length > 1) {
        for (const report of reports) {
          // deno-lint-ignore no-await-in-loop -- one of them is bad; the others must not wait for it
          await settle([report]);
        }
      } else {
        await settleUnstorable(reports[0]!, error);
      }
    }
  }

  /** The database refuses the report as it is: the attempt ends all the same, and says why. */
  async function settleUnstorable({ delivery, outcome }: Report, cause: Error) {
    const { id, attempt } = outcome;
    log.error("an outcome cannot be stored", { execution: id, attempt, cause });
    try {
      const failed = unstorable(outcome, cause);
      publish(await settleOutcomes(sql, [failed]));
      delivery.ack();
    } catch (error) {
      log.error("nor can a failure in its place", { execution: id, error });
      if (isFaultOfData(error)) delivery.ack();
      else delivery.nak(RETRY_MS);
    }
  }

  function parse(delivery: Delivery<unknown>): Report[] {
    try {
      return [{ delivery, outcome: parseOutcome(delivery.body) }];
    } catch (error) {
      log.error("dropped a malformed outcome", { error });
      delivery.ack();
      return [];
    }
  }

  async function run() {
    const pace = makePace(PACE_MS);
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- what arrives meanwhile joins the batch
      await pace();
      // deno-lint-ignore no-await-in-loop -- batch after batch
      const deliveries = await taker.next();
      if (deliveries === undefined) return;
      for (const batch of inBatches(deliveries.flatMap(parse))) {
        // deno-lint-ignore no-await-in-loop -- what arrives meanwhile is the next batch
        await settle(batch);
      }
      taker.want(deliveries.length);
    }
  }

  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      reconnected[Symbol.dispose]();
      await taker[Symbol.asyncDispose]();
      await running;
    },
  };
}

/** An attempt that its agent gave up is lost, whatever else the report says. */
async function move(
  sql: Db,
  outcomes: readonly OutcomeReport[],
): Promise<Moved> {
  const lost = outcomes.filter((o) => o.reason === "lost");
  const ended = outcomes.filter((o) => o.reason !== "lost");
  const settled = await settleOutcomes(sql, ended);
  if (lost.length === 0) return settled;
  for (const report of lost) {
    // deno-lint-ignore no-await-in-loop -- an agent that stops, and few of those
    await keepLastWords(sql, report);
  }
  const { changes, requested } = await loseExecutions(sql, { held: lost });
  return {
    changes: [...settled.changes, ...changes],
    requested: [...settled.requested, ...requested],
  };
}

/** The log bytes that came with the report of a lost attempt. */
async function keepLastWords(
  sql: Db,
  { id, attempt, lease, worker_id, logs }: OutcomeReport,
): Promise<void> {
  await appendLogs(sql, {
    worker: worker_id,
    pieces: logs.map(({ stream, offset, data }) => ({
      execution: id,
      attempt,
      stream,
      offset,
      data: Buffer.from(data, "base64"),
    })),
    leases: new Map([[`${id}.${attempt}`, lease]]),
  });
}

function inBatches(reports: readonly Report[]): Report[][] {
  const batches: Report[][] = [];
  let batch: Report[] = [];
  let bytes = 0;
  const seen = new Set<number>();
  for (const report of reports) {
    const size = sizeOf(report.outcome);
    const full = batch.length === BATCH || bytes + size > BATCH_BYTES;
    if (batch.length > 0 && (full || seen.has(report.outcome.id))) {
      batches.push(batch);
      batch = [];
      bytes = 0;
      seen.clear();
    }
    batch.push(report);
    bytes += size;
    seen.add(report.outcome.id);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/** About the bytes of what can be large. */
function sizeOf({ result, logs }: OutcomeReport): number {
  const texts = [result.stdout, result.error, result.env_log];
  const inline = texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
  const data = JSON.stringify(result.data)?.length ?? 0;
  return logs.reduce((sum, log) => sum + log.data.length, inline + data);
}

function unstorable(outcome: OutcomeReport, cause: Error): OutcomeReport {
  return {
    ...outcome,
    status: "failed",
    reason: "error",
    result: {
      succeeded: false,
      error: `The outcome could not be stored: ${cause.message}`,
    },
    isolation: null,
    usage: null,
    logs: [],
  };
}

/** True when the same statement would fail again: bad values, broken constraints, limits. */
function isFaultOfData(error: unknown): error is Error {
  return error instanceof postgres.PostgresError &&
    /^(?:21|22|23|42|54)/.test(error.code);
}
