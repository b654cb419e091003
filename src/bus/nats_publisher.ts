import {
  errors,
  headers,
  type Msg,
  type MsgHdrs,
} from "@nats-io/transport-node";
import { Alarm } from "./alarm.ts";
import type { Link } from "./nats_link.ts";

/** Servers refuse more than 10,000 messages that wait to be stored. */
const WINDOW = 1_000;

export interface Outgoing {
  subject: string;
  /** Duplicates of it are dropped by the stream. */
  id: string;
  /** JSON. */
  text: string;
}

/**
 * Publishes to streams, many at once: one subscription for all answers and one
 * timer for all deadlines, a tenth of what the client's own request per message
 * costs. After a reconnect it publishes again what nobody has answered.
 */
export class Publisher implements Disposable {
  readonly #link: Link;
  readonly #inbox: string;
  readonly #pending = new Map<string, Pending>();
  readonly #alarm = new Alarm((now) => this.#expire(now));
  readonly #resources = new DisposableStack();
  #subscribed = false;
  #last = 0;

  constructor(link: Link) {
    this.#link = link;
    this.#inbox = link.inbox();
    this.#resources.use(this.#alarm);
    this.#resources.use(link.onUp(() => {
      for (const [token, { outgoing }] of this.#pending) {
        this.#publish(token, outgoing);
      }
    }));
    this.#resources.use(link.onError((error) => this.#complained(error)));
  }

  /**
   * Resolves when a stream has stored all but those in the answer: for them
   * there is no stream. Rejects when one is refused or not answered within `ms`.
   */
  async publish(messages: Outgoing[], ms: number): Promise<Outgoing[]> {
    const due = performance.now() + ms;
    const homeless: Outgoing[] = [];
    for (let i = 0; i < messages.length; i += WINDOW) {
      const batch = messages.slice(i, i + WINDOW);
      // deno-lint-ignore no-await-in-loop -- the server's buffer is bounded
      homeless.push(...await this.#batch(batch, due));
    }
    return homeless;
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
    const gone = new Error("the bus was disposed of");
    for (const pending of this.#pending.values()) pending.batch.fail(gone);
    this.#pending.clear();
  }

  #batch(messages: Outgoing[], due: number): Promise<Outgoing[]> {
    this.#subscribe();
    const batch = new Batch(messages.length);
    for (const outgoing of messages) {
      const token = (++this.#last).toString(36);
      this.#pending.set(token, { outgoing, batch, due });
      try {
        this.#publish(token, outgoing);
      } catch (error) {
        this.#pending.delete(token);
        batch.fail(error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#alarm.set(due);
    return batch.promise;
  }

  #publish(token: string, { subject, id, text }: Outgoing): void {
    this.#link.nc.publish(subject, text, {
      headers: idHeader(id),
      reply: `${this.#inbox}.${token}`,
    });
  }

  #subscribe(): void {
    if (this.#subscribed) return;
    this.#subscribed = true;
    this.#link.nc.subscribe(`${this.#inbox}.*`, {
      callback: (error, msg) => {
        if (error === null) return this.#answered(msg);
        for (const pending of this.#pending.values()) pending.batch.fail(error);
        this.#pending.clear();
        this.#subscribed = false; // the server has taken it away
      },
    });
  }

  #answered(msg: Msg): void {
    const token = msg.subject.slice(this.#inbox.length + 1);
    const pending = this.#pending.get(token);
    if (pending === undefined) return;
    this.#pending.delete(token);
    const { batch, outgoing } = pending;
    if (msg.headers?.code === 503) return batch.miss(outgoing);
    const refusal = refusalOf(msg);
    if (refusal === undefined) batch.store();
    else batch.fail(new Error(refusal));
  }

  /** A forbidden message is not answered, only complained of. */
  #complained(error: Error): void {
    if (!(error instanceof errors.PermissionViolationError)) return;
    if (error.operation !== "publish") return;
    for (const [token, { outgoing, batch }] of this.#pending) {
      if (outgoing.subject !== error.subject) continue;
      this.#pending.delete(token);
      batch.fail(error);
    }
  }

  /** Deadlines are not in order, yet few are pending when one is over. */
  #expire(now: number): number | undefined {
    let next: number | undefined;
    for (const [token, { batch, due }] of this.#pending) {
      if (due > now) {
        next = Math.min(due, next ?? due);
        continue;
      }
      this.#pending.delete(token);
      batch.fail(new Error("the server did not answer in time"));
    }
    return next;
  }
}

interface Pending {
  outgoing: Outgoing;
  batch: Batch;
  due: number;
}

/** Settles when each of its messages has; the first failure is the reason. */
class Batch {
  readonly promise: Promise<Outgoing[]>;
  readonly #resolve: (homeless: Outgoing[]) => void;
  readonly #reject: (error: Error) => void;
  readonly #homeless: Outgoing[] = [];
  #left: number;
  #error: Error | undefined;

  constructor(size: number) {
    const { promise, resolve, reject } = Promise.withResolvers<Outgoing[]>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#left = size;
  }

  store(): void {
    if (--this.#left > 0) return;
    if (this.#error === undefined) this.#resolve(this.#homeless);
    else this.#reject(this.#error);
  }

  miss(outgoing: Outgoing): void {
    this.#homeless.push(outgoing);
    this.store();
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.store();
  }
}

function idHeader(id: string): MsgHdrs {
  const built = headers();
  built.set("Nats-Msg-Id", id);
  return built;
}

/** What the stream said instead of storing it. */
function refusalOf(msg: Msg): string | undefined {
  const text = msg.string();
  if (!text.includes('"error"')) return undefined;
  const { error } = JSON.parse(text) as {
    error?: { description?: string; err_code?: number };
  };
  return error && `${error.description} (JetStream error ${error.err_code})`;
}
