/**
 * How roles speak. Queues are durable and each message has one taker; nudges
 * are fire-and-forget and everybody who watches gets them. `embedded.ts` and
 * `nats.ts` implement this and pass `bus_contract.ts`. Bodies are JSON: what
 * arrives is what `JSON.stringify` kept. Names of queues and subjects are
 * words of `A-Z a-z 0-9 _ -` joined by dots.
 */
export interface Bus extends AsyncDisposable {
  readonly kind: "embedded" | "nats";
  /** Makes sure that the queue exists. Cheap to repeat; repeat it after `onReconnect`. */
  openQueue(queue: string, options?: QueueOptions): Promise<void>;
  /**
   * Resolves when the queue holds every message. Two messages of one id within
   * two minutes are one. Rejects when the bus is away for longer than a few
   * seconds: some messages may be in the queue then, and sending all again is safe.
   */
  send(queue: string, messages: { id: string; body: unknown }[]): Promise<void>;
  /** A standing request for messages; nothing arrives before `want()`. The queue need not exist yet. */
  take<T>(queue: string): Taker<T>;
  /** Messages that wait or are not acknowledged yet. 0 when the queue does not exist. */
  depth(queue: string): Promise<number>;
  /** Never throws, never waits; while the bus is away the nudge is dropped. */
  nudge(subject: string, body: unknown): void;
  /** `handler` must not throw. Resolves when watching has begun. */
  watch<T>(subject: string, handler: (body: T) => void): Promise<Disposable>;
  /** Called after each time the connection came back; queues may be gone then. */
  onReconnect(handler: () => void): Disposable;
}

export interface QueueOptions {
  /** An unacknowledged message comes again after this time; default 30,000 ms. Fixed by whoever opens the queue first. */
  ackWaitMs?: number;
}

/**
 * Disposing gives every message that was neither acknowledged nor given back to
 * others. One that was given back, or that came again, may come twice.
 */
export interface Taker<T> extends AsyncDisposable {
  /** Says that `count` more messages are welcome. Wishes add up, and outlive reconnects. */
  want(count: number): void;
  /** Messages wished for that have not arrived. */
  readonly wanted: number;
  /** All that has arrived, at least one; waits for it. Undefined once disposed of or `signal` aborts. */
  next(signal?: AbortSignal): Promise<Delivery<T>[] | undefined>;
}

export interface Delivery<T> {
  readonly body: T;
  /** How often it was delivered, this time included. */
  readonly deliveries: number;
  /** The message is done with. Fire and forget; twice is harmless. */
  ack(): void;
  /** Somebody else should have it, now or after `delayMs`. */
  nak(delayMs?: number): void;
}

export const DEFAULT_ACK_WAIT_MS = 30_000;
/** How long a message id is remembered. */
export const DEDUPE_MS = 120_000;
