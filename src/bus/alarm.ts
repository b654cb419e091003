const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * One timer for many deadlines. It may ring too early, never too late:
 * `ring` does what is due at `now` and returns the next deadline, if any.
 * Times are those of `performance.now()`.
 */
export class Alarm implements Disposable {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #at = Infinity;
  #disposed = false;
  readonly #ring: (now: number) => number | undefined;

  constructor(ring: (now: number) => number | undefined) {
    this.#ring = ring;
  }

  /** Makes sure that it rings at `at` or earlier. Cheap when it would anyway. */
  set(at: number): void {
    if (at >= this.#at || this.#disposed) return;
    clearTimeout(this.#timer);
    this.#at = at;
    // Rounded up: timers count whole milliseconds and must not ring before the deadline.
    const wait = Math.max(0, Math.ceil(at - performance.now()));
    this.#timer = setTimeout(
      () => this.#fire(),
      Math.min(wait, LONGEST_TIMER_MS),
    );
  }

  #fire(): void {
    this.#at = Infinity;
    const next = this.#ring(performance.now());
    if (next !== undefined) this.set(next);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
  }
}
