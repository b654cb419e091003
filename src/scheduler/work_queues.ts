import type { Bus } from "../bus/bus.ts";
import type { QueuedAttempt } from "../db/dispatch.ts";
import type { WorkMessage } from "../domain/agent_protocol.ts";
import { QUEUE } from "../domain/changes.ts";
import type { Log } from "../log.ts";

/** The work queues, one per requirement. */
export interface WorkQueues extends Disposable {
  /** Makes sure that the queues of these keys exist. */
  open(keys: readonly string[]): Promise<void>;
  /** Puts attempts into their queues. Never rejects: what did not arrive is sent again by the sweep. */
  send(attempts: readonly QueuedAttempt[]): Promise<void>;
  /** Messages in the queue of a key, those given out but not done included. */
  depth(key: string): Promise<number>;
}

export function workQueues(
  { bus, log }: { bus: Bus; log: Log },
): WorkQueues {
  const opened = new Set<string>();
  const reconnected = bus.onReconnect(() => opened.clear());

  async function open(keys: readonly string[]) {
    await Promise.all(
      keys.filter((key) => !opened.has(key)).map(async (key) => {
        await bus.openQueue(QUEUE.work(key));
        opened.add(key);
      }),
    );
  }

  async function sendTo(key: string, attempts: readonly QueuedAttempt[]) {
    try {
      await open([key]);
      await bus.send(QUEUE.work(key), attempts.map(toMessage));
    } catch (error) {
      opened.delete(key);
      log.warn("could not put work into its queue; it is sent again later", {
        key,
        executions: attempts.map((a) => a.id),
        error,
      });
    }
  }

  return {
    open,
    async send(attempts) {
      const byKey = Map.groupBy(attempts, (attempt) => attempt.key);
      await Promise.all([...byKey].map(([key, of]) => sendTo(key, of)));
    },
    depth: (key) => bus.depth(QUEUE.work(key)),
    [Symbol.dispose]: () => reconnected[Symbol.dispose](),
  };
}

/** `dispatches` makes a message that is sent again another message. */
function toMessage({ id, attempt, dispatches }: QueuedAttempt) {
  const body: WorkMessage = { id, attempt };
  return { id: `${id}.${attempt}.${dispatches}`, body };
}
