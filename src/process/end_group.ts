import type { Started } from "./spawn.ts";

/** While a group has members its id cannot be used anew; so often it is looked at. */
const LOOK_MS = 50;

/**
 * Ends whoever is left in the group of a process that is gone: SIGTERM now,
 * SIGKILL at `deadline` (`performance.now()` time). Null when nobody was left,
 * else resolves when nobody is or the SIGKILL was sent.
 */
export function endGroup(
  child: Pick<Started, "signalGroup" | "groupAlive">,
  deadline: number,
): Promise<void> | null {
  if (performance.now() >= deadline) {
    child.signalGroup("SIGKILL");
    return null;
  }
  if (!child.signalGroup("SIGTERM")) return null;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    const late = performance.now() >= deadline;
    if (child.groupAlive() && !late) return;
    if (late) child.signalGroup("SIGKILL");
    clearInterval(timer);
    resolve();
  }, LOOK_MS);
  return promise;
}
