import { Buffer } from "node:buffer";
import { errors, type Msg } from "@nats-io/transport-node";
import type { Bus, QueueOptions, Taker } from "./bus.ts";
import { type Link, openLink } from "./nats_link.ts";
import {
  checkPrefix,
  nudgeSubject,
  placeOf,
  pullSubject,
  type QueuePlace,
} from "./nats_names.ts";
import { DEFAULT_AWAY_MS, type NatsOptions } from "./nats_options.ts";
import { type Outgoing, Publisher } from "./nats_publisher.ts";
import { NatsQueues } from "./nats_queues.ts";
import { NatsTaker } from "./nats_taker.ts";

/**
 * The bus on a NATS server with JetStream, 2.9 or newer. Rejects when no server
 * answers; from then on it reconnects for ever. Queues of one first word share a
 * file-backed work-queue stream, each with a durable pull consumer. Only
 * `openQueue`, `depth`, and `send` into a stream that is missing need the
 * JetStream API; everything else works as a user with `agentPermissions`.
 */
export async function connectNats(options: NatsOptions): Promise<Bus> {
  const { prefix = "attune" } = options;
  checkPrefix(prefix);
  return new NatsBus(await openLink(options), { ...options, prefix });
}

class NatsBus implements Bus {
  readonly kind = "nats";
  readonly #link: Link;
  readonly #prefix: string;
  readonly #awayMs: number;
  readonly #queues: NatsQueues;
  readonly #publisher: Publisher;
  /** Each with the subject of its queue. */
  readonly #takers = new Map<NatsTaker<unknown>, string>();
  /** False once the server has said that this user may not make queues. */
  #mayOpen = true;
  #disposed: Promise<void> | undefined;

  constructor(link: Link, options: NatsOptions & { prefix: string }) {
    const { prefix, replicas = 1, awayMs = DEFAULT_AWAY_MS } = options;
    this.#link = link;
    this.#prefix = prefix;
    this.#awayMs = awayMs;
    // The order counts after a reconnect: queues are forgotten before anybody opens them again.
    this.#queues = new NatsQueues(link, {
      replicas,
      awayMs,
      onMade: ({ subject }) => this.#askAgain(subject),
    });
    this.#publisher = new Publisher(link);
  }

  async openQueue(queue: string, options?: QueueOptions): Promise<void> {
    const place = this.#placeOf(queue);
    try {
      await this.#queues.open(place, options);
    } catch (error) {
      throw failure(`Cannot open the queue "${queue}"`, error);
    }
  }

  async send(
    queue: string,
    messages: { id: string; body: unknown }[],
  ): Promise<void> {
    const place = this.#placeOf(queue);
    let rest = messages.map(({ id, body }) => this.#encode(place, id, body));
    const due = performance.now() + this.#awayMs;
    for (let wait = 5; rest.length > 0; wait *= 2) {
      try {
        // deno-lint-ignore no-await-in-loop -- one try after the other
        if (!await this.#link.up(due - performance.now())) {
          throw new Error(`NATS has been away for ${this.#awayMs} ms`);
        }
        // deno-lint-ignore no-await-in-loop -- one try after the other
        rest = await this.#publisher.publish(rest, due - performance.now());
        if (rest.length === 0) return;
        if (performance.now() + wait > due) {
          throw new Error(
            "no stream takes it; is JetStream on, and has the queue been opened?",
          );
        }
      } catch (error) {
        const count = messages.length === 1
          ? `message ${messages[0]!.id}`
          : `${messages.length} messages`;
        throw failure(`Cannot send ${count} to the queue "${queue}"`, error);
      }
      // deno-lint-ignore no-await-in-loop -- one try after the other
      await this.#reopen(place);
      // deno-lint-ignore no-await-in-loop -- one try after the other
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  take<T>(queue: string): Taker<T> {
    const place = this.#placeOf(queue);
    const taker = new NatsTaker<T>(this.#link, {
      pullSubject: pullSubject(place),
      onDisposed: () => this.#takers.delete(taker),
    });
    this.#takers.set(taker, place.subject);
    return taker;
  }

  async depth(queue: string): Promise<number> {
    const place = this.#placeOf(queue);
    try {
      return await this.#queues.depth(place);
    } catch (error) {
      throw failure(`Cannot read the depth of the queue "${queue}"`, error);
    }
  }

  nudge(subject: string, body: unknown): void {
    if (!this.#link.connected) return;
    try {
      const text = JSON.stringify(body ?? null);
      this.#link.nc.publish(nudgeSubject(this.#prefix, subject), text);
    } catch (error) {
      this.#link.log.warn("nudge dropped", { subject, error });
    }
  }

  async watch<T>(
    subject: string,
    handler: (body: T) => void,
  ): Promise<Disposable> {
    this.#checkOpen();
    const full = nudgeSubject(this.#prefix, subject);
    let watching = true;
    let refused: Error | undefined;
    const subscription = this.#link.nc.subscribe(full, {
      callback: (error, msg) => {
        if (error !== null) refused = error;
        else if (watching) this.#nudged(msg, handler);
      },
    });
    // The answer to a flush comes after the server has seen the subscription, or refused it.
    let begun = false;
    while (!begun && !this.#link.closed) {
      // deno-lint-ignore no-await-in-loop -- until the connection is there
      await this.#link.up(Infinity);
      // deno-lint-ignore no-await-in-loop -- until the connection is there
      begun = await Promise.race([
        this.#link.nc.flush().then(() => true, () => false),
        this.#link.nc.closed().then(() => false),
      ]);
    }
    if (!begun) refused ??= new Error("the bus was disposed of");
    if (refused !== undefined) {
      throw failure(`Cannot watch "${subject}"`, refused);
    }
    return {
      [Symbol.dispose]: () => {
        watching = false;
        if (!this.#link.closed) subscription.unsubscribe();
      },
    };
  }

  onReconnect(handler: () => void): Disposable {
    return this.#link.onUp(handler);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#close();
    return this.#disposed;
  }

  async #close(): Promise<void> {
    await Promise.all(
      [...this.#takers.keys()].map((taker) => taker[Symbol.asyncDispose]()),
    );
    this.#publisher[Symbol.dispose]();
    this.#queues[Symbol.dispose]();
    await this.#link[Symbol.asyncDispose]();
  }

  #placeOf(queue: string): QueuePlace {
    this.#checkOpen();
    return placeOf(this.#prefix, queue);
  }

  #checkOpen(): void {
    if (this.#disposed === undefined) return;
    throw new Error("Cannot use the bus: it has been disposed of");
  }

  #encode({ subject }: QueuePlace, id: string, body: unknown): Outgoing {
    const text = JSON.stringify(body ?? null);
    const most = this.#link.nc.info?.max_payload ?? Infinity;
    const bytes = text.length * 3 < most ? 0 : Buffer.byteLength(text);
    if (bytes > most) {
      throw new RangeError(
        `Cannot send message ${id} to ${subject}: its ${bytes} bytes are more than the server's max_payload of ${most}`,
      );
    }
    // Streams drop duplicates over all of their queues; an id counts within its own.
    return { subject, id: `${subject} ${id}`, text };
  }

  /** Makes a missing queue again, where this user may. The next try tells whether it helped. */
  async #reopen(place: QueuePlace): Promise<void> {
    if (!this.#mayOpen) return;
    try {
      await this.#queues.reopen(place);
    } catch (error) {
      if (error instanceof errors.PermissionViolationError) {
        this.#mayOpen = false;
      } else this.#link.log.warn("bus queue is missing", { error });
    }
  }

  #askAgain(subject: string): void {
    for (const [taker, theirs] of this.#takers) {
      if (theirs === subject) taker.askAgain();
    }
  }

  #nudged<T>(msg: Msg, handler: (body: T) => void): void {
    try {
      handler(msg.json<T>());
    } catch (error) {
      // Whatever left here would end the connection's reader.
      this.#link.log.error("nudge handler failed", {
        subject: msg.subject,
        error,
      });
    }
  }
}

function failure(action: string, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(`${action}: ${why}`, { cause });
}
