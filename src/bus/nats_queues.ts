import {
  AckPolicy,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { errors, nanos } from "@nats-io/transport-node";
import { DEDUPE_MS, DEFAULT_ACK_WAIT_MS, type QueueOptions } from "./bus.ts";
import type { Link } from "./nats_link.ts";
import type { QueuePlace } from "./nats_names.ts";

/** JetStream's `err_code`s. */
const CONSUMER_NOT_FOUND = 10014;
const STREAM_NOT_FOUND = 10059;
const STREAM_EXISTS = 10058;
const CONSUMER_EXISTS = [10148, 10013];
const TEMPORARILY_UNAVAILABLE = 10008;

/** Pull requests that may wait at one consumer: hundreds of agents with some each. */
const MAX_WAITING = 16_384;
/** A queue made sure of is looked at again after this time: somebody may have deleted it. */
const TRUST_MS = 60_000;

export interface NatsQueuesOptions {
  replicas: number;
  awayMs: number;
  /** Told when a queue has come into being. */
  onMade: (place: QueuePlace) => void;
}

/** Makes streams and consumers, and looks at them. */
export class NatsQueues implements Disposable {
  readonly #link: Link;
  readonly #jsm: Promise<JetStreamManager>;
  readonly #replicas: number;
  readonly #awayMs: number;
  readonly #onMade: (place: QueuePlace) => void;
  readonly #options = new Map<string, QueueOptions>();
  readonly #open = new Map<string, { until: number; done: Promise<void> }>();
  readonly #onUp: Disposable;

  constructor(link: Link, { replicas, awayMs, onMade }: NatsQueuesOptions) {
    this.#link = link;
    this.#replicas = replicas;
    this.#awayMs = awayMs;
    this.#onMade = onMade;
    // A request that was lost with its connection is made again, well within `awayMs`.
    const timeout = Math.min(2_000, this.#awayMs);
    this.#jsm = jetstreamManager(link.nc, { checkAPI: false, timeout });
    this.#onUp = link.onUp(() => this.#open.clear());
  }

  /** Makes sure of stream and consumer; repeated calls within a minute cost nothing. */
  open(place: QueuePlace, options?: QueueOptions): Promise<void> {
    const key = place.subject;
    if (options !== undefined && !this.#options.has(key)) {
      this.#options.set(key, options);
    }
    const now = performance.now();
    const known = this.#open.get(key);
    if (known !== undefined && known.until > now) return known.done;
    const opening = {
      until: now + TRUST_MS,
      done: this.#ensure(place).catch((error) => {
        if (this.#open.get(key) === opening) this.#open.delete(key);
        throw error;
      }),
    };
    this.#open.set(key, opening);
    return opening.done;
  }

  /** Forgets that the queue was there, and makes sure of it. */
  reopen(place: QueuePlace): Promise<void> {
    this.#open.delete(place.subject);
    return this.open(place);
  }

  /** Messages that wait or are not acknowledged; 0 without such a queue. */
  async depth({ stream, consumer }: QueuePlace): Promise<number> {
    try {
      const info = await this.#ask((jsm) =>
        jsm.consumers.info(stream, consumer)
      );
      return info.num_pending + info.num_ack_pending;
    } catch (error) {
      if (isNotFound(error)) return 0;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#onUp[Symbol.dispose]();
  }

  async #ensure(place: QueuePlace): Promise<void> {
    const { stream, consumer } = place;
    try {
      await this.#ask((jsm) => jsm.consumers.info(stream, consumer));
    } catch (error) {
      if (codeOf(error) === STREAM_NOT_FOUND) await this.#makeStream(place);
      else if (codeOf(error) !== CONSUMER_NOT_FOUND) throw error;
      await this.#makeConsumer(place);
      this.#onMade(place);
    }
  }

  async #makeStream({ stream, streamSubjects }: QueuePlace): Promise<void> {
    try {
      await this.#ask((jsm) =>
        jsm.streams.add({
          name: stream,
          subjects: streamSubjects,
          retention: RetentionPolicy.Workqueue,
          storage: StorageType.File,
          num_replicas: this.#replicas,
          duplicate_window: nanos(DEDUPE_MS),
        })
      );
    } catch (error) {
      // Somebody made it at this moment, or an operator with other limits.
      if (codeOf(error) !== STREAM_EXISTS) throw error;
    }
  }

  async #makeConsumer(place: QueuePlace): Promise<void> {
    const { stream, consumer, subject } = place;
    const { ackWaitMs = DEFAULT_ACK_WAIT_MS } = this.#options.get(subject) ??
      {};
    try {
      await this.#ask((jsm) =>
        jsm.consumers.add(stream, {
          durable_name: consumer,
          filter_subject: subject,
          ack_policy: AckPolicy.Explicit,
          ack_wait: nanos(ackWaitMs),
          max_ack_pending: -1, // the default stops delivery at 1,000
          max_waiting: MAX_WAITING,
        })
      );
    } catch (error) {
      if (!CONSUMER_EXISTS.includes(codeOf(error) ?? 0)) throw error;
    }
  }

  /** One request; again while a server that has just started does not answer yet. */
  async #ask<T>(request: (jsm: JetStreamManager) => Promise<T>): Promise<T> {
    const jsm = await this.#jsm;
    const due = performance.now() + this.#awayMs;
    for (let wait = 25;; wait *= 2) {
      // deno-lint-ignore no-await-in-loop -- one try after the other
      if (!await this.#link.up(due - performance.now())) {
        throw new Error("the NATS connection is away");
      }
      try {
        // deno-lint-ignore no-await-in-loop -- one try after the other
        return await request(jsm);
      } catch (error) {
        if (!isPassing(error) || performance.now() + wait > due) throw error;
      }
      // deno-lint-ignore no-await-in-loop -- one try after the other
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** JetStream's own number of an error. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof Error && "code" in error &&
      typeof error.code === "number"
    ? error.code
    : undefined;
}

function isNotFound(error: unknown): boolean {
  const code = codeOf(error);
  return code === CONSUMER_NOT_FOUND || code === STREAM_NOT_FOUND;
}

/** Nobody answered, or JetStream is still reading its store. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === "JetStreamNotEnabled" ||
    codeOf(error) === TEMPORARILY_UNAVAILABLE ||
    error instanceof errors.TimeoutError ||
    error instanceof errors.RequestError && error.isNoResponders();
}
