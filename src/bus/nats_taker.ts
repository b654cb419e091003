import type { Msg } from "@nats-io/transport-node";
import { Alarm } from "./alarm.ts";
import type { Delivery, Taker } from "./bus.ts";
import { Mailbox } from "./mailbox.ts";
import { checkCount } from "./names.ts";
import { clearRequests } from "./nats_clear.ts";
import { ACK, type Holder, NAK, NatsDelivery } from "./nats_delivery.ts";
import { Lane } from "./nats_lane.ts";
import { type Link, within } from "./nats_link.ts";

/** A pull request ends at the server after at most this, and after at least half of it. */
const PULL_MS = 10_000;
/** The same until the consumer has shown that it is there: a server does not say that one is missing. */
const PROBE_MS = 500;
/** Without a word this long after its end, a pull request was lost. */
const PULL_GRACE_MS = 1_000;
const PROBE_GRACE_MS = 500;
const LONGEST_PAUSE_MS = 1_000;
/** Requests that end together become one. */
const GATHER_MS = 5;
/** Pull requests at a time. More wishes wait until one of them is served. */
const MOST_LANES = 16;
/** Deliveries nobody settled are forgotten then; the server gave them to others long ago. */
const FORGET_MS = 600_000;

export interface NatsTakerOptions {
  pullSubject: string;
  onDisposed: () => void;
}

/**
 * Pulls exactly what is wanted: the wishes of one turn of the event loop are one
 * request, and nothing is asked for twice. It lives through lost connections and
 * missing consumers: it asks again until it is disposed of.
 */
export class NatsTaker<T> implements Taker<T>, Holder {
  #wanted = 0;
  /** Messages asked for, over all lanes. */
  #asked = 0;
  #disposed = false;
  #left: Promise<void> | undefined;
  #scheduled = false;
  #pausedUntil = 0;
  #failures = 0;
  /** All requests of one period end at the same time, so that they are renewed as one. */
  #horizon = 0;
  #confirmed = false;
  readonly #lanes: Lane[] = [];
  readonly #unsettled = new Set<NatsDelivery<unknown>>();
  /** What came after the end. */
  readonly #late: string[] = [];
  readonly #mailbox = new Mailbox<Delivery<T>>();
  readonly #alarm = new Alarm((now) => this.#ring(now));
  readonly #listeners = new DisposableStack();
  readonly #link: Link;
  readonly #pullSubject: string;

  constructor(link: Link, { pullSubject, onDisposed }: NatsTakerOptions) {
    this.#link = link;
    this.#pullSubject = pullSubject;
    this.#listeners.defer(onDisposed);
    this.#listeners.use(link.onUp(() => this.askAgain()));
    this.#listeners.use(link.onDown(() => this.#lost()));
  }

  get wanted(): number {
    return this.#wanted;
  }

  want(count: number): void {
    checkCount(count);
    if (this.#disposed) return;
    this.#wanted += count;
    this.#schedule();
  }

  next(signal?: AbortSignal): Promise<Delivery<T>[] | undefined> {
    return this.#mailbox.next(signal);
  }

  /** Asks anew, for whatever was asked is lost: the connection or the queue was not there. */
  askAgain(): void {
    this.#lost();
    this.#pausedUntil = 0;
    this.#failures = 0;
    this.#schedule();
  }

  settle(delivery: NatsDelivery<unknown>, answer: string): void {
    this.#unsettled.delete(delivery);
    // Once given back it may be somebody else's, who may not lose it; yet what is done is done.
    if (this.#disposed && answer !== ACK) return;
    this.#link.post(delivery.answerTo, answer);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#left ??= this.#leave();
    return this.#left;
  }

  async #leave(): Promise<void> {
    this.#disposed = true;
    this.#wanted = 0;
    this.#mailbox.close();
    this.#alarm[Symbol.dispose]();
    this.#listeners.dispose();
    if (this.#link.connected) await this.#endRequests();
    // Not earlier, or it would come back to us.
    for (const { answerTo } of this.#unsettled) this.#link.post(answerTo, NAK);
    for (const answerTo of this.#late) this.#link.post(answerTo, NAK);
    this.#unsettled.clear();
    if (!this.#link.closed) { for (const lane of this.#lanes) lane.close(); }
  }

  /** What is on its way still comes while the subscriptions drain. */
  async #endRequests(): Promise<void> {
    const open = this.#asked > 0 && this.#confirmed;
    const drained = this.#lanes.map((lane) => lane.drain());
    await within(2_000, Promise.allSettled(drained));
    if (!open || !this.#link.connected) return;
    const late = await clearRequests(this.#link, this.#pullSubject);
    if (late !== undefined) this.#late.push(late);
  }

  /** Wishes of one turn of the event loop are one request. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pull();
    });
  }

  #pull(): void {
    const missing = this.#wanted - this.#asked;
    if (missing <= 0 || this.#disposed) return;
    if (!this.#link.connected) return;
    const now = performance.now();
    if (now < this.#pausedUntil) return this.#alarm.set(this.#pausedUntil);
    const lane = this.#lanes.find(({ left }) => left === 0) ?? this.#addLane();
    if (lane === undefined) return;
    const [period, grace] = this.#confirmed
      ? [PULL_MS, PULL_GRACE_MS]
      : [PROBE_MS, PROBE_GRACE_MS];
    if (this.#horizon < now + period / 2 || this.#horizon > now + period) {
      this.#horizon = now + period;
    }
    lane.due = this.#horizon + grace;
    lane.ask(this.#pullSubject, missing, this.#horizon - now);
    this.#asked += missing;
    this.#alarm.set(lane.due);
  }

  #addLane(): Lane | undefined {
    if (this.#lanes.length >= MOST_LANES) return undefined;
    const lane = new Lane(this.#link, {
      arrived: (lane, msg) => this.#arrived(lane, msg),
      ended: (lane, msg) => this.#ended(lane, msg),
      refused: (lane, error) => this.#refused(lane, error),
    });
    this.#lanes.push(lane);
    return lane;
  }

  #arrived(lane: Lane, msg: Msg): void {
    const answerTo = msg.reply;
    if (answerTo === undefined) return;
    if (lane.left > 0) {
      lane.left--;
      this.#asked--;
    }
    this.#works();
    if (this.#disposed) return void this.#late.push(answerTo);
    if (this.#wanted === 0) return this.#link.post(answerTo, NAK);
    const body = this.#parse(msg, answerTo);
    if (body === undefined) return this.#schedule();
    this.#wanted--;
    const delivery = new NatsDelivery<T>(this, body.value, answerTo);
    this.#remember(delivery);
    this.#mailbox.push(delivery);
    if (this.#wanted > this.#asked) this.#schedule();
  }

  /** A message that is not JSON can never be handled, so it is ended. */
  #parse(msg: Msg, answerTo: string): { value: T } | undefined {
    try {
      return { value: msg.json<T>() };
    } catch (error) {
      this.#link.log.error("bus message is not JSON, dropped", {
        subject: msg.subject,
        error,
      });
      this.#link.post(answerTo, "+TERM");
      return undefined;
    }
  }

  #remember(delivery: NatsDelivery<unknown>): void {
    for (const old of this.#unsettled) {
      if (old.at > delivery.at - FORGET_MS) break;
      this.#unsettled.delete(old);
    }
    this.#unsettled.add(delivery);
  }

  /** The server has ended the request: at its time, or because the consumer went away. */
  #ended(lane: Lane, msg: Msg): void {
    const code = msg.headers?.code ?? 0;
    if (code === 100) return;
    this.#drop(lane);
    if (code === 408 || code === 404) {
      this.#works();
      if (this.#asked > 0) this.#pause(GATHER_MS);
      else this.#schedule();
    } else {
      this.#fails(`${code} ${msg.headers?.description ?? ""}`.trim());
    }
  }

  /** The user may not subscribe here. */
  #refused(lane: Lane, error: Error): void {
    this.#drop(lane);
    this.#lanes.splice(this.#lanes.indexOf(lane), 1);
    this.#fails(error.message);
  }

  #drop(lane: Lane): void {
    this.#asked -= lane.left;
    lane.left = 0;
  }

  #works(): void {
    this.#confirmed = true;
    this.#failures = 0;
  }

  #fails(why: string): void {
    this.#confirmed = false;
    const pause = Math.min(LONGEST_PAUSE_MS, 25 * 2 ** this.#failures);
    if (this.#failures++ === 3) {
      this.#link.log.warn("bus queue does not answer, asking on", {
        subject: this.#pullSubject,
        why,
      });
    }
    this.#pause(pause * (0.75 + Math.random() / 2));
  }

  #pause(ms: number): void {
    this.#pausedUntil = performance.now() + ms;
    this.#alarm.set(this.#pausedUntil);
  }

  /** The connection is gone, and every request with it. */
  #lost(): void {
    for (const lane of this.#lanes) this.#drop(lane);
    this.#confirmed = false;
    this.#horizon = 0;
  }

  #ring(now: number): number | undefined {
    let next: number | undefined;
    let lost = false;
    for (const lane of this.#lanes) {
      if (lane.left === 0) continue;
      if (lane.due > now) {
        next = Math.min(lane.due, next ?? lane.due);
        continue;
      }
      this.#drop(lane);
      lost = true;
    }
    if (lost) this.#fails("no answer");
    this.#pull();
    return next;
  }
}
