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
 * `deno task` passes on the SIGINT of a Ctrl-C that the terminal has sent to
 * the whole group already: two signals this close are one wish.
 */
const SAME_WISH_MS = 300;
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * A stop that SIGINT, SIGTERM and SIGHUP ask for: softly at first, hard after
 * `graceMs` or at the second signal. Disposing gives the signals back.
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

  let lastSignal = -Infinity;
  function onSignal(name: string) {
    const now = performance.now();
    const same = now - lastSignal < SAME_WISH_MS;
    lastSignal = now;
    if (!same) request(name);
  }
  // Listening to any signal ends that SIGHUP is ignored, so it is heard here in either case.
  const nohup = ignoresHangup();
  const listeners = SIGNALS.map((name) => ({
    name,
    on: () => name === "SIGHUP" && nohup ? undefined : onSignal(name),
  }));
  for (const { name, on } of listeners) Deno.addSignalListener(name, on);
  return {
    soft: soft.signal,
    hard: hard.signal,
    request,
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const { name, on } of listeners) Deno.removeSignalListener(name, on);
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

/** True under `nohup`. */
function ignoresHangup(): boolean {
  try {
    const status = Deno.readTextFileSync("/proc/self/status");
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
    return (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    return false; // no /proc on this system
  }
}
