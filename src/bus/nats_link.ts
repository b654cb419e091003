import { createInbox, type NatsConnection } from "@nats-io/transport-node";
import { type Log, silentLog } from "../log.ts";
import { connectionOptions, type NatsOptions } from "./nats_options.ts";
import { connectSafely } from "./nats_transport.ts";

/** Acknowledgements kept while the connection is away. */
const MOST_KEPT = 10_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The connection, and what the parts of the bus must know of it. The client
 * forgets what was published while it was away, so nobody publishes then.
 */
export interface Link extends AsyncDisposable {
  readonly nc: NatsConnection;
  readonly log: Log;
  /** False for good once closed. */
  readonly connected: boolean;
  readonly closed: boolean;
  /** A fresh subject for answers. */
  inbox(): string;
  /** Handlers run in order of their registration, each time. */
  onUp(handler: () => void): Disposable;
  onDown(handler: () => void): Disposable;
  /** What the server complains of, such as a subject the user may not publish to. */
  onError(handler: (error: Error) => void): Disposable;
  /** False when the connection is still away after `ms`, or closed. */
  up(ms: number): Promise<boolean>;
  /** Publishes now, or once the connection is back. Never throws. */
  post(subject: string, payload: string): void;
}

/** Connects; rejects with the servers' names when none of them answers. */
export async function openLink(options: NatsOptions): Promise<Link> {
  const parsed = connectionOptions(options);
  try {
    const nc = await connectSafely(parsed);
    return new NatsLink(nc, parsed.inboxPrefix!, options.log ?? silentLog);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `Cannot connect to NATS at ${
        [parsed.servers].flat().join(", ")
      }: ${why}. Is nats-server running there, and are the credentials right?`,
      { cause },
    );
  }
}

class NatsLink implements Link {
  connected = true;
  closed = false;
  readonly nc: NatsConnection;
  readonly log: Log;
  readonly #inboxPrefix: string;
  readonly #up = new Set<Listener<void>>();
  readonly #down = new Set<Listener<void>>();
  readonly #errors = new Set<Listener<Error>>();
  readonly #watching: Promise<void>;
  #kept: { subject: string; payload: string }[] = [];

  constructor(nc: NatsConnection, inboxPrefix: string, log: Log) {
    this.nc = nc;
    this.log = log;
    this.#inboxPrefix = inboxPrefix;
    this.#watching = this.#watch();
  }

  inbox(): string {
    return createInbox(this.#inboxPrefix);
  }

  onUp(handler: () => void): Disposable {
    return listen(this.#up, handler);
  }

  onDown(handler: () => void): Disposable {
    return listen(this.#down, handler);
  }

  onError(handler: (error: Error) => void): Disposable {
    return listen(this.#errors, handler);
  }

  async up(ms: number): Promise<boolean> {
    if (this.connected || this.closed) return this.connected;
    const { promise, resolve } = Promise.withResolvers<void>();
    using _up = this.onUp(resolve);
    using _down = this.onDown(resolve); // told once more when it closes
    const timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS));
    await promise;
    clearTimeout(timer);
    return this.connected;
  }

  post(subject: string, payload: string): void {
    if (this.closed) return;
    if (this.connected) return this.nc.publish(subject, payload);
    if (this.#kept.length < MOST_KEPT) this.#kept.push({ subject, payload });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.closed) {
      const polite = this.connected;
      this.closed = true;
      this.connected = false;
      this.#tell(this.#down);
      // Draining waits for the server to have seen everything; a server that hangs is not waited for.
      if (polite) await within(2_000, this.nc.drain().catch(() => {}));
      await this.nc.close();
    }
    await this.#watching;
  }

  async #watch(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (this.closed) continue;
      if (status.type === "disconnect") this.#disconnected(status.server);
      if (status.type === "reconnect") this.#reconnected(status.server);
      if (status.type === "error") {
        this.log.warn("bus complained", { error: status.error.message });
        this.#tell(this.#errors, status.error);
      }
    }
    if (this.closed) return;
    this.closed = true;
    this.connected = false;
    this.log.error("bus connection closed for good");
    this.#tell(this.#down);
  }

  #disconnected(server: string): void {
    this.connected = false;
    this.log.warn("bus away", { server });
    this.#tell(this.#down);
  }

  #reconnected(server: string): void {
    this.connected = true;
    const kept = this.#kept;
    this.#kept = [];
    for (const { subject, payload } of kept) this.nc.publish(subject, payload);
    this.log.info("bus back", { server });
    this.#tell(this.#up);
  }

  #tell(listeners: Set<Listener<void>>): void;
  #tell<T>(listeners: Set<Listener<T>>, what: T): void;
  #tell<T>(listeners: Set<Listener<T | undefined>>, what?: T): void {
    for (const listener of [...listeners]) {
      try {
        listener(what);
      } catch (error) {
        this.log.error("bus handler failed", { error });
      }
    }
  }
}

type Listener<T> = (what: T) => void;

function listen<T>(
  listeners: Set<Listener<T>>,
  listener: Listener<T>,
): Disposable {
  const own = (what: T) => listener(what); // the same function twice is two listeners
  listeners.add(own);
  return { [Symbol.dispose]: () => void listeners.delete(own) };
}

/** Resolves with the promise, or after `ms`, whichever is first. */
export async function within(
  ms: number,
  promise: Promise<unknown>,
): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, over]);
  clearTimeout(timer);
}
