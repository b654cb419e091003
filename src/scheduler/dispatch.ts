import type { Bus } from "../bus/bus.ts";
import type { Db } from "../db/connect.ts";
import {
  applyDecisions,
  BATCH,
  type Dispatched,
  dispatchExecutions,
  type DispatchSource,
} from "../db/dispatch.ts";
import type { Log } from "../log.ts";
import { announce } from "./announce.ts";
import { decide, type DecideOptions } from "./decide.ts";
import { startLoop } from "./loop.ts";
import type { WorkQueues } from "./work_queues.ts";

/** Moves what is requested and due towards an agent. */
export interface Dispatcher extends AsyncDisposable {
  /** These are requested. */
  request(ids: readonly number[]): void;
  /** Something that nobody named may be due. */
  look(): void;
  /** An agent is there for what waits for this requirement. */
  release(key: string): void;
}

export interface DispatcherOptions extends DecideOptions {
  sql: Db;
  bus: Bus;
  log: Log;
  queues: WorkQueues;
}

/** More names than this are forgotten: looking for the oldest finds them too. */
const MOST_NAMED = 10_000;

export function startDispatcher(options: DispatcherOptions): Dispatcher {
  const { sql, bus, log, queues } = options;
  const named = new Set<number>();
  const keys = new Set<string>();
  let oldest = false;

  /** One batch; true when the source has more that can move now. */
  async function dispatch(source: DispatchSource): Promise<boolean> {
    const found = await dispatchExecutions(sql, source);
    await publish(found);
    if (found.undecided.length === 0) return found.picked === BATCH;
    const decisions = await decide(options, found.undecided);
    await publish(await applyDecisions(sql, decisions));
    return found.picked === BATCH &&
      !("waitingFor" in source && decisions.some((d) => d.verdict === "wait"));
  }

  async function publish(
    { changes, queued }: Pick<Dispatched, "changes" | "queued">,
  ): Promise<void> {
    // Before the work: watchers hear of `scheduled` before `running`.
    announce(bus, changes);
    if (queued.length > 0) await queues.send(queued);
  }

  async function step(): Promise<boolean> {
    if (named.size > 0) {
      const ids = named.values().take(BATCH).toArray();
      for (const id of ids) named.delete(id);
      await dispatch({ ids });
    }
    if (oldest) {
      oldest = false;
      oldest = await dispatch({ oldest: true }) || oldest;
    }
    const [key] = keys;
    if (key !== undefined) {
      keys.delete(key);
      if (await dispatch({ waitingFor: key })) keys.add(key);
    }
    return named.size > 0 || oldest || keys.size > 0;
  }

  const loop = startLoop({
    name: "dispatch",
    log,
    async step() {
      try {
        return await step();
      } catch (error) {
        oldest = true;
        throw error;
      }
    },
  });

  return {
    request(ids) {
      for (const id of ids) {
        if (named.size < MOST_NAMED) named.add(id);
        else oldest = true;
      }
      loop.wake();
    },
    look() {
      oldest = true;
      loop.wake();
    },
    release(key) {
      keys.add(key);
      loop.wake();
    },
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}
