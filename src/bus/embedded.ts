import type { Bus, Delivery, QueueOptions, Taker } from "./bus.ts";
import { EmbeddedQueue, type Wisher } from "./embedded_queue.ts";
import { Mailbox } from "./mailbox.ts";
import { checkCount, checkQueue, checkSubject } from "./names.ts";

/**
 * The bus of one process. Queues live as long as the bus; nothing is delivered
 * within the call that sent it. Bodies go through JSON text as on a wire, which
 * is also cheaper than `structuredClone`: 0.5 against 3.0 µs for work, 9 against
 * 12 µs for an outcome.
 */
export function embeddedBus(): Bus {
  return new EmbeddedBus();
}

type Watcher = (text: string) => void;

class EmbeddedBus implements Bus {
  readonly kind = "embedded";
  readonly #queues = new Map<string, EmbeddedQueue>();
  readonly #takers = new Set<EmbeddedTaker<unknown>>();
  readonly #watchers = new Map<string, Set<Watcher>>();
  #disposed = false;

  // deno-lint-ignore require-await -- a bad name rejects, as on every bus
  async openQueue(name: string, options: QueueOptions = {}): Promise<void> {
    const queue = this.#queue(name);
    queue.ackWaitMs ??= options.ackWaitMs;
  }

  // deno-lint-ignore require-await -- a body that is not JSON rejects
  async send(
    name: string,
    messages: { id: string; body: unknown }[],
  ): Promise<void> {
    const queue = this.#queue(name);
    const texts = messages.map(({ body }) => JSON.stringify(body ?? null));
    messages.forEach(({ id }, i) => queue.send(id, texts[i]!));
  }

  take<T>(name: string): Taker<T> {
    const taker = new EmbeddedTaker<T>(
      this.#queue(name),
      () => this.#takers.delete(taker),
    );
    this.#takers.add(taker);
    return taker;
  }

  // deno-lint-ignore require-await -- a bad name rejects, as on every bus
  async depth(name: string): Promise<number> {
    checkQueue(name);
    return this.#queues.get(name)?.depth ?? 0;
  }

  nudge(subject: string, body: unknown): void {
    const watchers = this.#watchers.get(subject);
    if (watchers === undefined) return;
    const text = textOf(body);
    if (text === undefined) return;
    for (const watcher of watchers) {
      queueMicrotask(() => watchers.has(watcher) && watcher(text));
    }
  }

  // deno-lint-ignore require-await -- a bad name rejects, as on every bus
  async watch<T>(
    subject: string,
    handler: (body: T) => void,
  ): Promise<Disposable> {
    checkSubject(subject);
    this.#checkOpen();
    const watchers = this.#watchers.getOrInsertComputed(
      subject,
      () => new Set(),
    );
    const watcher = (text: string) => handler(JSON.parse(text));
    watchers.add(watcher);
    return {
      [Symbol.dispose]: () => {
        watchers.delete(watcher);
        if (watchers.size > 0) return;
        if (this.#watchers.get(subject) !== watchers) return;
        this.#watchers.delete(subject);
      },
    };
  }

  onReconnect(): Disposable {
    return { [Symbol.dispose]: () => {} };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    for (const watchers of this.#watchers.values()) watchers.clear();
    this.#watchers.clear();
    await Promise.all(
      [...this.#takers].map((taker) => taker[Symbol.asyncDispose]()),
    );
    for (const queue of this.#queues.values()) queue[Symbol.dispose]();
    this.#queues.clear();
  }

  #queue(name: string): EmbeddedQueue {
    checkQueue(name);
    this.#checkOpen();
    return this.#queues.getOrInsertComputed(name, () => new EmbeddedQueue());
  }

  #checkOpen(): void {
    if (this.#disposed) {
      throw new Error("Cannot use the bus: it has been disposed of");
    }
  }
}

class EmbeddedTaker<T> implements Taker<T>, Wisher {
  #wanted = 0;
  #disposed = false;
  readonly #queue: EmbeddedQueue;
  readonly #mailbox = new Mailbox<Delivery<T>>();
  readonly #forget: () => void;

  constructor(queue: EmbeddedQueue, forget: () => void) {
    this.#queue = queue;
    this.#forget = forget;
  }

  get wanted(): number {
    return this.#wanted;
  }

  want(count: number): void {
    checkCount(count);
    if (this.#disposed) return;
    this.#wanted += count;
    this.#queue.wish(this);
  }

  deliver(delivery: Delivery<unknown>): void {
    this.#wanted--;
    this.#mailbox.push(delivery as Delivery<T>);
  }

  next(signal?: AbortSignal): Promise<Delivery<T>[] | undefined> {
    return this.#mailbox.next(signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#disposed) {
      this.#disposed = true;
      this.#wanted = 0;
      this.#mailbox.close();
      this.#queue.leave(this);
      this.#forget();
    }
    return Promise.resolve();
  }
}

/** JSON, or undefined for what JSON cannot carry: a nudge never throws. */
function textOf(body: unknown): string | undefined {
  try {
    return JSON.stringify(body ?? null);
  } catch {
    return undefined;
  }
}
