import type { Bus, Delivery, Taker } from "../bus/bus.ts";
import type {
  ClaimAnswer,
  ClaimedItem,
  ClaimRequest,
  ExecutionSpec,
  WorkMessage,
} from "../domain/agent_protocol.ts";
import { QUEUE } from "../domain/changes.ts";
import type { Log } from "../log.ts";
import { ApiAway } from "./api_client.ts";
import { backOff, pause } from "./back_off.ts";

/** Work comes in here, never more than there are free slots. */
export interface Intake {
  readonly freeSlots: number;
  /** Pulls work for exactly these requirement keys. */
  setKeys(keys: readonly string[]): void;
  /** Takes nothing new; what waits unclaimed is given to others. Twice is harmless. */
  close(): Promise<void>;
}

export interface IntakeOptions {
  bus: Pick<Bus, "take">;
  slots: number;
  claim(items: ClaimRequest["items"]): Promise<ClaimAnswer>;
  /** True when this attempt runs here already. */
  holds(id: number, attempt: number): boolean;
  /** Runs one; the slot is free again when it resolves. `claimedAt`: just before the claim was asked for. */
  run(spec: ExecutionSpec, claimedAt: number): Promise<void>;
  /** Claimed, but it cannot be run. */
  onFault(item: ClaimedItem): void;
  log: Log;
}

/** Claims that may be under way at once. */
const CLAIMS = 2;
const CLAIM_MAX = 100;
/** A claim is asked for again for so long. */
const PATIENCE_MS = 10 * 60_000;
/** When others may try what could not be claimed. */
const NAK_MS = 1_000;

export function openIntake(options: IntakeOptions): Intake {
  const { bus, slots, log } = options;
  const takers = new Map<
    string,
    { taker: Taker<WorkMessage>; done: Promise<void> }
  >();
  const closing = new AbortController();
  let pending: Delivery<WorkMessage>[] = [];
  let used = 0;
  let claims = 0;
  /** Claims and closings under way. */
  const waiting = new Set<Promise<void>>();

  const free = () => Math.max(0, slots - used);

  function topUp() {
    if (closing.signal.aborted) return;
    for (const { taker } of takers.values()) {
      const more = free() - taker.wanted;
      if (more > 0) taker.want(more);
    }
  }

  function accept(delivery: Delivery<WorkMessage>) {
    const { id, attempt } = delivery.body;
    // It came again as its acknowledgement was lost.
    if (options.holds(id, attempt)) return delivery.ack();
    if (closing.signal.aborted || free() === 0) return delivery.nak();
    used++;
    pending.push(delivery);
  }

  function track(work: Promise<void>) {
    waiting.add(work);
    work.finally(() => waiting.delete(work));
  }

  function release() {
    used--;
    topUp();
  }

  function claimMore() {
    while (pending.length > 0 && claims < CLAIMS) {
      const batch = pending.slice(0, CLAIM_MAX);
      pending = pending.slice(CLAIM_MAX);
      claims++;
      track(
        claimBatch(batch).finally(() => {
          claims--;
          claimMore();
        }),
      );
    }
  }

  async function claimBatch(batch: Delivery<WorkMessage>[]): Promise<void> {
    let claimed: { answer: ClaimAnswer; askedAt: number };
    try {
      claimed = await claim(
        batch.map(({ body: { id, attempt } }) => ({
          id,
          attempt,
          lease: crypto.randomUUID(),
        })),
      );
    } catch (error) {
      log.warn("work could not be claimed; others may have it", {
        executions: batch.length,
        error: error instanceof Error ? error.message : String(error),
      });
      for (const delivery of batch) {
        delivery.nak(NAK_MS);
        release();
      }
      return;
    }
    const { answer, askedAt } = claimed;
    const items = new Map(answer.items.map((item) => [item.id, item]));
    for (const delivery of batch) {
      delivery.ack();
      const item = items.get(delivery.body.id);
      if (item?.fault !== undefined) options.onFault(item);
      if (item?.spec === undefined) release();
      else void options.run(item.spec, askedAt).finally(release);
    }
  }

  /**
   * Asks until there is an answer: one that was lost may have given us the
   * work, and then nobody else can have it before our lease ends.
   */
  async function claim(items: ClaimRequest["items"]) {
    const until = performance.now() + PATIENCE_MS;
    let said = false;
    for (const wait of backOff(200, 2_000)) {
      const askedAt = performance.now();
      try {
        // deno-lint-ignore no-await-in-loop -- one try after the other
        return { answer: await options.claim(items), askedAt };
      } catch (error) {
        const again = error instanceof ApiAway && !closing.signal.aborted &&
          askedAt < until;
        if (!again) throw error;
        if (!said) log.warn(`${error.message}; work is claimed later`);
        said = true;
      }
      // deno-lint-ignore no-await-in-loop -- the wait between two tries
      await pause(wait, closing.signal);
    }
    throw new Error("unreachable");
  }

  async function takeFrom(taker: Taker<WorkMessage>): Promise<void> {
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- as it comes
      const deliveries = await taker.next();
      if (deliveries === undefined) return;
      for (const delivery of deliveries) accept(delivery);
      claimMore();
    }
  }

  async function drop(key: string): Promise<void> {
    const found = takers.get(key);
    takers.delete(key);
    await found?.taker[Symbol.asyncDispose]();
    await found?.done;
  }

  return {
    get freeSlots() {
      return closing.signal.aborted ? 0 : free();
    },
    setKeys(keys) {
      if (closing.signal.aborted) return;
      const wanted = new Set(keys);
      for (const key of takers.keys()) {
        if (!wanted.has(key)) track(drop(key));
      }
      for (const key of wanted) {
        if (takers.has(key)) continue;
        const taker = bus.take<WorkMessage>(QUEUE.work(key));
        takers.set(key, { taker, done: takeFrom(taker) });
      }
      topUp();
    },
    async close() {
      closing.abort();
      for (const delivery of pending.splice(0)) {
        delivery.nak();
        used--;
      }
      await Promise.all([...takers.keys()].map(drop));
      await Promise.all(waiting);
    },
  };
}
