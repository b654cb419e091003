import type {
  Capabilities,
  HeartbeatAnswer,
  HeartbeatRequest,
  Held,
} from "../domain/agent_protocol.ts";
import type { Log } from "../log.ts";
import { ApiAway, type ApiClient, ApiRefused } from "./api_client.ts";
import { type Attempts, keyOf } from "./attempts.ts";
import { pause } from "./back_off.ts";

export interface Heart extends AsyncDisposable {
  /** The next heartbeat goes out now. */
  soon(): void;
  /** Resolves after the next heartbeat that was answered. */
  once(): Promise<void>;
}

export interface HeartOptions {
  api: ApiClient;
  everyMs: number;
  leaseMs: number;
  log: Log;
  attempts: Attempts;
  freeSlots(): number;
  unsettled(): Held[];
  /** What is offered now; sent when it is another object than the last that was answered. */
  capabilities(): Capabilities;
  stopping(): boolean;
  /** These are the keys to pull work for. */
  onKeys(keys: string[]): void;
  /** `held` was reported; those in `gone` are settled or somebody else's. */
  onSettled(reported: Held[], gone: ReadonlySet<string>): void;
  /** The token is refused or the worker unknown: register again. Must not throw. */
  onUnknown(): Promise<void>;
}

/** Least wait between two heartbeats, however often they are asked for. */
const LEAST_MS = 50;
/** The wait after one that was not answered. */
const RETRY_MS = 1_000;
const TIMEOUT_MS = 4_000;

/** Says every few seconds what is, and makes what the control plane says should be. */
export function startHeart(options: HeartOptions): Heart {
  const { api, everyMs, log } = options;
  const stop = new AbortController();
  let wake = new AbortController();
  let waiting: (() => void)[] = [];
  let answered: Capabilities | undefined;
  let away = false;

  async function beat(): Promise<boolean> {
    const capabilities = options.capabilities();
    const running = options.attempts.all();
    const unsettled = options.unsettled();
    const request: HeartbeatRequest = {
      free_slots: options.freeSlots(),
      running: running.map(({ held }) => held),
      unsettled,
      ...(capabilities !== answered && { capabilities }),
      ...(options.stopping() && { stopping: true }),
    };
    const begun = performance.now();
    const answer = await api.call<HeartbeatAnswer>("heartbeat", {
      json: request,
      timeoutMs: TIMEOUT_MS,
      signal: stop.signal,
    });
    answered = capabilities;
    if (answer.token !== undefined) api.token = answer.token;
    const gone = new Set(answer.gone.map(keyOf));
    for (const attempt of running) {
      if (gone.has(keyOf(attempt.held))) {
        attempt.gone = true;
        attempt.stop({ kind: "lost" });
      } else attempt.leaseUntil = begun + options.leaseMs;
    }
    for (const { id, attempt } of answer.cancel) {
      options.attempts.get(id, attempt)?.stop({ kind: "cancelled" });
    }
    options.onSettled(unsettled, gone);
    options.onKeys(answer.keys);
    return true;
  }

  async function tryBeat(): Promise<boolean> {
    try {
      await beat();
      if (away) log.info("the control plane answers again");
      away = false;
      const done = waiting;
      waiting = [];
      for (const resolve of done) resolve();
      return true;
    } catch (error) {
      if (stop.signal.aborted) return true;
      if (
        error instanceof ApiRefused && [401, 403, 404].includes(error.status)
      ) {
        log.warn(`${error.message}; registering again`);
        answered = undefined;
        await options.onUnknown();
        return false;
      }
      if (!(error instanceof ApiAway)) log.error("heartbeat failed", { error });
      else if (!away) log.warn(`${error.message}; running work goes on`);
      away = true;
      return false;
    }
  }

  async function loop() {
    while (!stop.signal.aborted) {
      wake = new AbortController();
      // deno-lint-ignore no-await-in-loop -- one heartbeat after the other
      const good = await tryBeat();
      const due = AbortSignal.any([wake.signal, stop.signal]);
      // deno-lint-ignore no-await-in-loop -- the wait between two
      await pause(LEAST_MS, stop.signal);
      // deno-lint-ignore no-await-in-loop -- the wait between two
      await pause((good ? everyMs : RETRY_MS) - LEAST_MS, due);
    }
  }
  const looping = loop();

  return {
    soon: () => wake.abort(),
    once() {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      wake.abort();
      return promise;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await looping;
    },
  };
}
