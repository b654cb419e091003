/** Waits for `ms`, or less when `signal` aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** Waits that double from `first` to `most`, each spread by a quarter so that agents do not come in step. */
export function* backOff(
  first: number,
  most: number,
): Generator<number, never> {
  for (let ms = first;; ms = Math.min(ms * 2, most)) {
    yield ms * (0.75 + Math.random() * 0.5);
  }
}
