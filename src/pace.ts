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

/**
 * For batches of one kind of statement. Measured with 8 and 32 executions at a
 * time: 3 ms and 14 ms are both slower by a fifth.
 */
export const PACE_MS = 8;
