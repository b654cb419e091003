import type { Log } from "../log.ts";
import type { Attempts } from "./attempts.ts";

/** A lost attempt is dead this long before somebody else may start it again. */
const MARGIN_MS = 1_000;
/** Between SIGTERM and SIGKILL when the lease presses. */
export const LOST_GRACE_MS = 2_000;
const LOOK_MS = 250;

/**
 * Ends attempts whose lease runs out while the control plane is away, if losing
 * them starts another one. The others go on: nobody starts them again, and the
 * control plane says when they are no longer ours.
 */
export function watchLeases(attempts: Attempts, log: Log): Disposable {
  const timer = setInterval(() => {
    const now = performance.now();
    for (const attempt of attempts.all()) {
      if (!attempt.spec.rerun_when_lost || attempt.signal.aborted) continue;
      if (now < attempt.leaseUntil - LOST_GRACE_MS - MARGIN_MS) continue;
      log.warn(
        "ending an execution as its lease runs out and another worker will run it",
        { execution: attempt.held.id, attempt: attempt.held.attempt },
      );
      attempt.gone = true;
      attempt.stop({ kind: "lost" });
    }
  }, LOOK_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
