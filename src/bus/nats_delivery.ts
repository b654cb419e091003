import type { Delivery } from "./bus.ts";

export const ACK = "+ACK";
export const NAK = "-NAK";

/** What a delivery tells its taker. */
export interface Holder {
  settle(delivery: NatsDelivery<unknown>, answer: string): void;
}

/** One message from JetStream. `answerTo` is its acknowledgement subject. */
export class NatsDelivery<T> implements Delivery<T> {
  readonly body: T;
  readonly answerTo: string;
  /** `performance.now()` of its arrival. */
  readonly at = performance.now();
  #settled = false;
  readonly #holder: Holder;

  constructor(holder: Holder, body: T, answerTo: string) {
    this.#holder = holder;
    this.body = body;
    this.answerTo = answerTo;
  }

  get deliveries(): number {
    return deliveriesOf(this.answerTo);
  }

  ack(): void {
    this.#settle(ACK);
  }

  nak(delayMs = 0): void {
    this.#settle(
      delayMs > 0 ? `-NAK {"delay":${Math.ceil(delayMs * 1e6)}}` : NAK,
    );
  }

  #settle(answer: string): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#holder.settle(this, answer);
  }
}

/**
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<...4>`, on newer servers with
 * domain and account hash before the stream, and something after.
 */
export function deliveriesOf(answerTo: string): number {
  const words = answerTo.split(".");
  return Number(words[words.length >= 11 ? 6 : 4]);
}
