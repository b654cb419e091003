import { Alarm } from "./alarm.ts";
import { DEDUPE_MS, DEFAULT_ACK_WAIT_MS, type Delivery } from "./bus.ts";
import { RecentIds } from "./recent_ids.ts";

/** About 15 MB of ids, 80 s at 1,200 messages a second. */
const MOST_IDS = 100_000;

/** One who wishes for messages of a queue. */
export interface Wisher {
  readonly wanted: number;
  deliver(delivery: Delivery<unknown>): void;
}

interface Message {
  readonly text: string;
  deliveries: number;
  done: boolean;
  /** The delivery that holds it now. */
  held?: Handed | undefined;
}

/** Messages in their order, given to those who wish in turn. */
export class EmbeddedQueue implements Disposable {
  /** Fixed by whoever opens the queue first, at the latest by the first delivery. */
  ackWaitMs: number | undefined;

  readonly #recent = new RecentIds(DEDUPE_MS, MOST_IDS);
  /** Given back, or never acknowledged: they go before what is new. */
  readonly #again = new Fifo<Message>();
  readonly #fresh = new Fifo<Message>();
  /** Acknowledgement deadlines; all waits are equal, so insertion order is order of time. */
  readonly #held = new Map<Message, number>();
  /** Given back with a delay, the soonest first. */
  readonly #delayed: { message: Message; due: number }[] = [];
  readonly #wishers = new Fifo<Wisher>();
  readonly #queued = new Set<Wisher>();
  readonly #alarm = new Alarm((now) => this.#expire(now));
  #depth = 0;
  #pumping = false;

  /** Messages that are not acknowledged. */
  get depth(): number {
    return this.#depth;
  }

  /** `text` is JSON. */
  send(id: string, text: string): void {
    if (!this.#recent.add(id, performance.now())) return;
    this.#fresh.push({ text, deliveries: 0, done: false });
    this.#depth++;
    this.#pumpSoon();
  }

  /** Puts a wisher in line; to be called when it wishes for more. */
  wish(wisher: Wisher): void {
    if (this.#queued.has(wisher) || wisher.wanted === 0) return;
    this.#queued.add(wisher);
    this.#wishers.push(wisher);
    this.#pumpSoon();
  }

  /** Gives back everything that `wisher` holds. Its `wanted` must be 0. */
  leave(wisher: Wisher): void {
    for (const message of [...this.#held.keys()]) {
      if (message.held?.wisher === wisher) this.giveBack(message.held, 0);
    }
  }

  finish(message: Message): void {
    if (message.done) return;
    message.done = true;
    message.held = undefined;
    this.#held.delete(message);
    this.#depth--;
  }

  giveBack(handed: Handed, delayMs: number): void {
    const { message } = handed;
    if (message.held !== handed) return;
    message.held = undefined;
    this.#held.delete(message);
    if (!(delayMs > 0)) return this.#offerAgain(message);
    const due = performance.now() + delayMs;
    const at = this.#delayed.findLastIndex((other) => other.due <= due) + 1;
    this.#delayed.splice(at, 0, { message, due });
    this.#alarm.set(due);
  }

  [Symbol.dispose](): void {
    this.#alarm[Symbol.dispose]();
  }

  #offerAgain(message: Message): void {
    this.#again.push(message);
    this.#pumpSoon();
  }

  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (true) {
      const message = this.#first();
      if (message === undefined) return;
      const wisher = this.#nextWisher();
      if (wisher === undefined) return;
      (this.#again.peek() === message ? this.#again : this.#fresh).shift();
      this.#hand(message, wisher);
    }
  }

  #first(): Message | undefined {
    while (this.#again.peek()?.done) this.#again.shift();
    return this.#again.peek() ?? this.#fresh.peek();
  }

  /** Takes turns: one message each. */
  #nextWisher(): Wisher | undefined {
    while (true) {
      const wisher = this.#wishers.shift();
      if (wisher === undefined) return undefined;
      this.#queued.delete(wisher);
      if (wisher.wanted > 0) return wisher;
    }
  }

  #hand(message: Message, wisher: Wisher): void {
    message.deliveries++;
    message.held = new Handed(this, message, wisher);
    this.ackWaitMs ??= DEFAULT_ACK_WAIT_MS;
    const due = performance.now() + this.ackWaitMs;
    this.#held.set(message, due);
    this.#alarm.set(due);
    wisher.deliver(message.held);
    this.wish(wisher);
  }

  #expire(now: number): number | undefined {
    let next: number | undefined;
    for (const [message, due] of this.#held) {
      if (due > now) {
        next = due;
        break;
      }
      this.#held.delete(message);
      message.held = undefined;
      this.#offerAgain(message);
    }
    const later = this.#delayed.findIndex(({ due }) => due > now);
    const ripe = later < 0 ? this.#delayed.length : later;
    for (const { message } of this.#delayed.splice(0, ripe)) {
      this.#offerAgain(message);
    }
    const delayed = this.#delayed[0]?.due;
    return next === undefined || (delayed !== undefined && delayed < next)
      ? delayed
      : next;
  }
}

class Handed implements Delivery<unknown> {
  readonly body: unknown;
  readonly deliveries: number;
  readonly message: Message;
  readonly wisher: Wisher;
  readonly #queue: EmbeddedQueue;
  #settled = false;

  constructor(queue: EmbeddedQueue, message: Message, wisher: Wisher) {
    this.#queue = queue;
    this.message = message;
    this.wisher = wisher;
    this.body = JSON.parse(message.text);
    this.deliveries = message.deliveries;
  }

  ack(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#queue.finish(this.message);
  }

  nak(delayMs = 0): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#queue.giveBack(this, delayMs);
  }
}

/** First in, first out, without moving the rest. */
class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head++] = undefined;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
