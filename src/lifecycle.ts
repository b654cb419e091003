/**
 * One stop, two strengths. `soft`: take nothing new. `hard`: end what runs.
 * Everything else in the program sees only these two signals.
 */
export interface Stop extends Disposable {
  readonly soft: AbortSignal;
  readonly hard: AbortSignal;
  /** Asks for a stop, as a signal from outside would. */
  request(reason: string): void;
}

/**
 * A stop that SIGINT and SIGTERM ask for: softly at first, hard after `graceMs`
 * or at the second signal. Disposing gives the signals back.
 */
export function stopOnSignals({ graceMs }: { graceMs: number }): Stop {
  const soft = new AbortController();
  const hard = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function request(reason: string) {
    if (soft.signal.aborted) {
      clearTimeout(timer);
      return hard.abort(new Error(`${reason}, again`));
    }
    soft.abort(new Error(reason));
    timer = setTimeout(() => hard.abort(new Error("grace over")), graceMs);
    Deno.unrefTimer(timer as unknown as number);
  }

  const onInt = () => request("SIGINT");
  const onTerm = () => request("SIGTERM");
  Deno.addSignalListener("SIGINT", onInt);
  Deno.addSignalListener("SIGTERM", onTerm);
  return {
    soft: soft.signal,
    hard: hard.signal,
    request,
    [Symbol.dispose]() {
      clearTimeout(timer);
      Deno.removeSignalListener("SIGINT", onInt);
      Deno.removeSignalListener("SIGTERM", onTerm);
    },
  };
}

/** Resolves when the signal aborts; at once when it has. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
