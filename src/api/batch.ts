import { makePace, PACE_MS } from "../pace.ts";

/** Requests that came while the last statement was under way share the next one. */
export type Batched<T, R> = (item: T) => Promise<R>;

export interface BatchOptions<T, R> {
  /** Answers the items in order. */
  run: (items: T[]) => Promise<R[]>;
  /** Most items of one run. */
  max: number;
  /** True for failures that left nothing behind: the items are then tried one by one. */
  retryAlone: (error: unknown) => boolean;
}

interface Waiting<T, R> {
  item: T;
  resolve: (answer: R) => void;
  reject: (error: unknown) => void;
}

/**
 * Runs at most one batch at a time, and not in closer succession than
 * {@linkcode PACE_MS}: an idle caller is served at once and alone, busy ones
 * together, so that the cost of a statement is shared when it matters and adds
 * no delay when it does not.
 */
export function batched<T, R>(
  { run, max, retryAlone }: BatchOptions<T, R>,
): Batched<T, R> {
  const waiting: Waiting<T, R>[] = [];
  const pace = makePace(PACE_MS);
  let busy = false;

  async function settle(batch: Waiting<T, R>[]): Promise<void> {
    try {
      const answers = await run(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => resolve(answers[index]!));
    } catch (error) {
      if (batch.length > 1 && retryAlone(error)) {
        await Promise.all(batch.map((one) => settle([one])));
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }

  async function drain() {
    busy = true;
    while (waiting.length > 0) {
      // deno-lint-ignore no-await-in-loop -- what comes meanwhile joins the batch
      await pace();
      // deno-lint-ignore no-await-in-loop -- one batch at a time is the point
      await settle(waiting.splice(0, max));
    }
    busy = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!busy) drain();
    });
}

/** One {@linkcode batched} for each owner of what it runs on, made when first asked for. */
export function batchedPer<K extends WeakKey, T, R>(
  optionsOf: (owner: K) => BatchOptions<T, R>,
): (owner: K) => Batched<T, R> {
  const known = new WeakMap<K, Batched<T, R>>();
  return (owner) => {
    let one = known.get(owner);
    if (one === undefined) known.set(owner, one = batched(optionsOf(owner)));
    return one;
  };
}

/** True for what PostgreSQL itself refused: the statement changed nothing. */
export function isRefusedStatement(error: unknown): boolean {
  return error instanceof Error && error.name === "PostgresError";
}
