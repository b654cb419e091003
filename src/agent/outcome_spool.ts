import type { Held, OutcomeReport } from "../domain/agent_protocol.ts";
import { aborted } from "../lifecycle.ts";
import type { Log } from "../log.ts";
import { ApiRefused } from "./api_client.ts";
import { keyOf } from "./attempts.ts";
import { backOff, pause } from "./back_off.ts";
import { type Entry, entryOf, nextBatch } from "./outcome_entry.ts";
import {
  readOutcome,
  readSpool,
  removeOutcome,
  writeOutcome,
} from "./outcome_files.ts";

/** Outcomes on their way; each stays until the control plane has settled it. */
export interface OutcomeSpool extends AsyncDisposable {
  /** Outcomes whose settlement is not confirmed. */
  readonly size: number;
  /** True while an outcome of this attempt is not settled. */
  has(id: number, attempt: number): boolean;
  /** Takes charge of an outcome. `secret`: it may not travel over the bus. */
  add(report: OutcomeReport, options?: { secret?: boolean }): void;
  /** Outcomes whose settlement is not confirmed, sent or not. */
  unsettled(): Held[];
  /** A heartbeat that named `reported` was answered; `gone` are settled. */
  confirm(reported: readonly Held[], gone: ReadonlySet<string>): void;
  /** Tries again now; the bus or the control plane is back. */
  retryNow(): void;
  /** Resolves when everything was sent, or `signal` aborts. */
  drained(signal: AbortSignal): Promise<void>;
}

export interface OutcomeSpoolOptions {
  /** Directory for what can be sent nowhere, or is too much for the memory. */
  dir: string;
  /** Queues outcomes on the bus; rejects when that is away. */
  sendBus(messages: { id: string; body: OutcomeReport }[]): Promise<void>;
  /** Posts outcomes; answers those refused. Rejects when the API is away. */
  sendApi(
    outcomes: OutcomeReport[],
  ): Promise<{ refused: { id: number; attempt: number }[] }>;
  log: Log;
  /** Bytes of outcomes kept in memory; more are kept in files. Default 32 MiB. */
  memoryBytes?: number;
}

/** NATS takes 1 MiB unless it is told otherwise; larger outcomes go to the API. */
const BUS_BYTES = 900 * 1024;
/** After so many heartbeats without confirmation an outcome is sent again. */
const BEATS = 2;
/** These speak of the agent, not of what it sent. */
const ABOUT_AGENT = new Set([401, 403, 404]);

/** Opens the spool; outcomes that a former life of this agent left are sent too. */
export async function openOutcomeSpool(
  { dir, log, ...options }: OutcomeSpoolOptions,
): Promise<OutcomeSpool> {
  const { memoryBytes = 32 * 1024 * 1024 } = options;
  const entries = new Map<string, Entry>();
  const waiting = new Set<Entry>();
  const storing = new Set<Promise<void>>();
  const stop = new AbortController();
  let wake = new AbortController();
  let flushing: Promise<void> | undefined;
  let memory = 0;
  let away = false;

  for (const { file, report, secret } of await readSpool(dir, log)) {
    put({ ...entryOf(report, secret), file, report: null });
  }

  function put(entry: Entry) {
    remove(keyOf(entry.held));
    entries.set(keyOf(entry.held), entry);
    waiting.add(entry);
    if (entry.report !== null) memory += entry.bytes;
    relieve(entry);
  }

  function remove(key: string) {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    waiting.delete(entry);
    if (entry.report !== null) memory -= entry.bytes;
    if (entry.file !== null) track(removeOutcome(entry.file));
  }

  function track(work: Promise<void>) {
    storing.add(work);
    work.finally(() => storing.delete(work));
  }

  /** Moves an outcome to its file when memory is short. */
  function relieve(entry: Entry) {
    if (memory > memoryBytes && entry.report !== null) track(store(entry));
  }

  async function store(entry: Entry): Promise<void> {
    const { report, secret } = entry;
    if (report === null) return;
    try {
      entry.file ??= await writeOutcome(dir, { report, secret });
    } catch (error) {
      log.error("an outcome cannot be written down", { dir, error });
      return;
    }
    const current = entries.get(keyOf(entry.held));
    if (current === undefined) await removeOutcome(entry.file);
    if (current !== entry || memory <= memoryBytes) return;
    if (entry.report !== null) memory -= entry.bytes;
    entry.report = null;
  }

  async function load(entry: Entry): Promise<OutcomeReport | undefined> {
    if (entry.report !== null) return entry.report;
    try {
      return (await readOutcome(entry.file!)).report;
    } catch (error) {
      log.error("a spooled outcome cannot be read", {
        file: entry.file,
        error,
      });
      remove(keyOf(entry.held));
      return undefined;
    }
  }

  /** Sends one batch, over the bus where that may be, else to the API. False when neither took it. */
  async function sendBatch(batch: Entry[]): Promise<boolean> {
    for (const entry of batch) waiting.delete(entry);
    const loaded = await Promise.all(
      batch.map(async (entry) => ({ entry, report: await load(entry) })),
    );
    const ready = loaded.flatMap(({ entry, report }) =>
      report === undefined ? [] : [{ entry, report }]
    );
    const isForBus = ({ entry }: { entry: Entry }) =>
      !entry.secret && entry.bytes <= BUS_BYTES;
    const byBus = ready.filter(isForBus);
    const byApi = ready.filter((one) => !isForBus(one));
    if (byBus.length > 0) {
      try {
        await options.sendBus(byBus.map(({ report }) => ({
          id: `${report.id}.${report.attempt}.${report.lease}`,
          body: report,
        })));
        for (const { entry } of byBus) markSent(entry);
      } catch (error) {
        log.debug("the bus takes no outcomes", { error });
        byApi.push(...byBus);
      }
    }
    return byApi.length === 0 || await sendToApi(byApi);
  }

  async function sendToApi(
    ready: { entry: Entry; report: OutcomeReport }[],
  ): Promise<boolean> {
    try {
      const { refused } = await options.sendApi(
        ready.map(({ report }) => report),
      );
      for (const { entry } of ready) markSent(entry);
      for (const item of refused) remove(keyOf(item));
      return true;
    } catch (error) {
      if (error instanceof ApiRefused && !ABOUT_AGENT.has(error.status)) {
        return await withoutRefused(ready, error);
      }
      if (!away) {
        log.warn("outcomes cannot be sent; they are kept and tried again", {
          outcomes: ready.length,
          error: error instanceof Error ? error.message : String(error),
        });
      }
      away = true;
      await Promise.all(ready.map(({ entry }) => store(entry)));
      for (const { entry } of ready) sendAgain(entry);
      return false;
    }
  }

  /** The API cannot read one of them: the others must not wait for it. */
  async function withoutRefused(
    ready: { entry: Entry; report: OutcomeReport }[],
    error: ApiRefused,
  ): Promise<boolean> {
    if (ready.length === 1) {
      const { held } = ready[0]!.entry;
      log.error("an outcome was refused and is lost", { ...held, error });
      remove(keyOf(held));
      return true;
    }
    const sent = await Promise.all(ready.map((one) => sendToApi([one])));
    return sent.every(Boolean);
  }

  function markSent(entry: Entry) {
    entry.sent = true;
    entry.beats = 0;
  }

  function sendAgain(entry: Entry) {
    entry.sent = false;
    if (entries.get(keyOf(entry.held)) === entry) waiting.add(entry);
  }

  async function flush() {
    const waits = backOff(200, 10_000);
    while (!stop.signal.aborted) {
      const batch = nextBatch(waiting);
      if (batch.length === 0) return;
      // deno-lint-ignore no-await-in-loop -- one batch after the other
      if (await sendBatch(batch)) {
        if (away) log.info("outcomes are sent again");
        away = false;
        continue;
      }
      wake = new AbortController();
      const until = AbortSignal.any([wake.signal, stop.signal]);
      // deno-lint-ignore no-await-in-loop -- the wait between two tries
      await pause(waits.next().value, until);
    }
  }

  function kick() {
    if (stop.signal.aborted) return;
    flushing ??= flush().finally(() => {
      flushing = undefined;
      // One may have come between the last look and here.
      if (waiting.size > 0) kick();
    });
  }
  kick();

  return {
    get size() {
      return entries.size;
    },
    has: (id, attempt) => entries.has(keyOf({ id, attempt })),
    add(report, { secret = false } = {}) {
      put(entryOf(report, secret));
      kick();
    },
    unsettled: () => [...entries.values()].map(({ held }) => held),
    confirm(reported, gone) {
      for (const held of reported) {
        const key = keyOf(held);
        const entry = entries.get(key);
        if (entry === undefined || entry.held.lease !== held.lease) continue;
        if (gone.has(key)) remove(key);
        else if (entry.sent && ++entry.beats >= BEATS) sendAgain(entry);
      }
      kick();
    },
    retryNow: () => wake.abort(),
    async drained(signal) {
      kick();
      await Promise.race([flushing ?? Promise.resolve(), aborted(signal)]);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await flushing;
      const unsent = [...entries.values()].filter(({ sent }) => !sent);
      await Promise.all(unsent.map(store));
      await Promise.all(storing);
    },
  };
}
