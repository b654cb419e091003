/**
 * Ids seen within a window of time. Bounded: with more than `most` of them
 * within the window, the oldest are forgotten early.
 */
export class RecentIds {
  readonly #until = new Map<string, number>();
  readonly #windowMs: number;
  readonly #most: number;

  constructor(windowMs: number, most: number) {
    this.#windowMs = windowMs;
    this.#most = most;
  }

  /** False when the id was seen within the window. */
  add(id: string, now: number): boolean {
    // Insertion order is order of expiry, so only the front needs a look.
    for (const [old, until] of this.#until) {
      if (until > now) break;
      this.#until.delete(old);
    }
    if (this.#until.has(id)) return false;
    if (this.#until.size >= this.#most) {
      this.#until.delete(this.#until.keys().next().value!);
    }
    this.#until.set(id, now + this.#windowMs);
    return true;
  }
}
