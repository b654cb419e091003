import type { ExecutionChange } from "../../src/domain/changes.ts";
import { isTerminal } from "../../src/domain/execution.ts";
import type { Client } from "../../tests/support/client.ts";

/** One round of the bench: times in milliseconds. */
export interface Round {
  executions: number;
  perSecond: number;
  p50: number;
  p99: number;
  /** Medians of the legs by the database's clock: request to claim, claim to settled. */
  toStarted: number;
  toFinished: number;
}

/** A live connection that tells when executions end; one for the whole bench. */
export interface Finishes extends AsyncDisposable {
  of(id: number): Promise<ExecutionChange>;
}

/** Subscribes to every change of the stack. */
export async function watchFinishes(client: Client): Promise<Finishes> {
  const answer = await client.raw("GET", "/api/v1/executions/stream");
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  const ended = new Map<number, ExecutionChange>();
  const waiting = new Map<number, (change: ExecutionChange) => void>();
  const reading = (async () => {
    let rest = "";
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- a stream is read in order
      const { value, done } = await reader.read();
      if (done) return;
      const frames = (rest + value).split("\n\n");
      rest = frames.pop()!;
      for (const frame of frames) {
        const at = frame.indexOf("data:");
        if (at < 0) continue;
        const change: ExecutionChange = JSON.parse(frame.slice(at + 5));
        if (!isTerminal(change.status)) continue;
        const resolve = waiting.get(change.id);
        waiting.delete(change.id);
        if (resolve) resolve(change);
        else ended.set(change.id, change);
      }
    }
  })();
  return {
    of(id) {
      const change = ended.get(id);
      if (change !== undefined) {
        ended.delete(id);
        return Promise.resolve(change);
      }
      return new Promise((resolve) => waiting.set(id, resolve));
    },
    async [Symbol.asyncDispose]() {
      await reader.cancel();
      await reading;
    },
  };
}

/** Runs `count` executions, `width` at a time, each timed from POST to the news of its end. */
export async function measure(
  client: Client,
  finishes: Finishes,
  { actionRef, count, width }: {
    actionRef: string;
    count: number;
    width: number;
  },
): Promise<Round> {
  const latencies: number[] = [];
  const toStarted: number[] = [];
  const toFinished: number[] = [];
  let left = count;
  const began = performance.now();
  await Promise.all(Array.from({ length: width }, async () => {
    while (left-- > 0) {
      const sent = performance.now();
      // deno-lint-ignore no-await-in-loop -- each lane is one at a time
      const id = await client.execute(actionRef);
      // deno-lint-ignore no-await-in-loop -- each lane is one at a time
      const end = await finishes.of(id);
      latencies.push(performance.now() - sent);
      if (end.status !== "completed") {
        throw new Error(`Execution ${id} of ${actionRef} ended ${end.status}`);
      }
      toStarted.push(Date.parse(end.started_at!) - Date.parse(end.created));
      toFinished.push(
        Date.parse(end.finished_at!) - Date.parse(end.started_at!),
      );
    }
  }));
  const seconds = (performance.now() - began) / 1000;
  return {
    executions: count,
    perSecond: count / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    toStarted: quantile(toStarted, 0.5),
    toFinished: quantile(toFinished, 0.5),
  };
}

function quantile(values: number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ??
    NaN;
}
