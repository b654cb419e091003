/**
 * Keeps the starts of successive batches at least `ms` apart, so that under
 * load a batch gathers what came meanwhile; whoever comes after a rest of that
 * length does not wait. Resolves when the next batch may start.
 */
export function makePace(ms: number): () => Promise<void> {
  let last = -Infinity;
  return async () => {
    const rest = last + ms - performance.now();
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
    last = performance.now();
  };
}

/** Batches of one kind of statement: enough to gather 2 to 4 executions at 1,000 a second. */
export const PACE_MS = 3;
