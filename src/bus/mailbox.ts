/** What has arrived and was not fetched yet. */
export class Mailbox<T> {
  #items: T[] = [];
  #closed = false;
  readonly #waiting = new Set<() => void>();

  push(item: T): void {
    this.#items.push(item);
    if (this.#waiting.size > 0) this.#wake();
  }

  /** Everything there is, at least one item; undefined once closed or aborted. */
  async next(signal?: AbortSignal): Promise<T[] | undefined> {
    while (true) {
      if (this.#closed || signal?.aborted) return undefined;
      if (this.#items.length > 0) {
        const all = this.#items;
        this.#items = [];
        return all;
      }
      // deno-lint-ignore no-await-in-loop -- another reader may have been faster
      await this.#woken(signal);
    }
  }

  close(): void {
    this.#closed = true;
    this.#items = [];
    this.#wake();
  }

  async #woken(signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#waiting.add(wake);
    signal?.addEventListener("abort", wake, { once: true });
    await promise;
    this.#waiting.delete(wake);
    signal?.removeEventListener("abort", wake);
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
