import type { Msg, Subscription } from "@nats-io/transport-node";
import type { Link } from "./nats_link.ts";

export interface LaneEvents {
  arrived(lane: Lane, msg: Msg): void;
  /** The server has ended the current request. */
  ended(lane: Lane, msg: Msg): void;
  /** The server has ended the subscription. */
  refused(lane: Lane, error: Error): void;
}

/**
 * A subscription with at most one pull request at a time, so that every message
 * that comes tells exactly how much of the request is left.
 */
export class Lane {
  /** Messages still asked for. */
  left = 0;
  /** When a request without an answer is known to be lost. */
  due = 0;
  readonly #link: Link;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  /** Number of the current request; answers to an older one are ignored. */
  #request = 0;

  constructor(link: Link, events: LaneEvents) {
    this.#link = link;
    this.#inbox = link.inbox();
    this.#subscription = link.nc.subscribe(`${this.#inbox}.*`, {
      callback: (error, msg) => {
        if (error !== null) return events.refused(this, error);
        // A message keeps the subject it was sent to; what comes to the inbox itself is about the request.
        if (!msg.subject.startsWith(this.#inbox)) {
          return events.arrived(this, msg);
        }
        const request = Number(msg.subject.slice(this.#inbox.length + 1));
        if (request === this.#request) events.ended(this, msg);
      },
    });
  }

  ask(pullSubject: string, batch: number, expiresMs: number): void {
    this.left = batch;
    this.#request++;
    this.#link.nc.publish(
      pullSubject,
      `{"batch":${batch},"expires":${Math.round(expiresMs * 1e6)}}`,
      { reply: `${this.#inbox}.${this.#request}` },
    );
  }

  /** Resolves when nothing comes any more; what was on its way has arrived. */
  async drain(): Promise<void> {
    if (!this.#subscription.isClosed()) await this.#subscription.drain();
  }

  close(): void {
    if (!this.#subscription.isClosed()) this.#subscription.unsubscribe();
  }
}
