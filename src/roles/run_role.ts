import { aborted, type Stop, stopOnSignals } from "../lifecycle.ts";
import type { Log } from "../log.ts";

export interface Role {
  /** Between the wish to stop and the end of everything. */
  graceMs: number;
  log: Log;
  /** Opens all parts and pushes them on the stack; resolves when the role works. */
  open: (stack: AsyncDisposableStack, stop: Stop) => Promise<void>;
}

/** After a hard stop, what has not ended by then is left behind. */
const LAST_MS = 10_000;
const LEAVE_MS = 100;

/**
 * Runs a role until a signal asks for its end, then closes its parts in
 * reverse order. Rejects when a part cannot be opened.
 */
export async function runRole({ graceMs, log, open }: Role): Promise<void> {
  using stop = stopOnSignals({ graceMs });
  const stack = new AsyncDisposableStack();
  aborted(stop.hard).then(() => {
    log.warn("ending at once", { reason: (stop.hard.reason as Error).message });
    Deno.unrefTimer(setTimeout(() => Deno.exit(1), LAST_MS) as never);
  });
  // Nobody awaits it, so the state it left is unknown: end, in good order.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log.error("an error nobody expected", { error: event.reason });
    Deno.exitCode = 1;
    stop.request("an unexpected error");
  });
  try {
    const opening = open(stack, stop);
    await Promise.race([opening, aborted(stop.soft)]);
    await aborted(stop.soft);
    // A part half opened cannot be closed: let it come up, or fail, first.
    await Promise.race([opening.catch(() => {}), aborted(stop.hard)]);
    log.info("stopping", { reason: (stop.soft.reason as Error).message });
  } finally {
    await stack.disposeAsync();
  }
  log.info("stopped");
  // An AbortSignal.timeout that somebody listened to would keep us for its whole time.
  Deno.unrefTimer(setTimeout(() => Deno.exit(), LEAVE_MS) as never);
}
