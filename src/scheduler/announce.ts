import type { Bus } from "../bus/bus.ts";
import { type ExecutionChange, NUDGE } from "../domain/changes.ts";

/** Tells watchers of transitions that are committed. */
export function announce(bus: Bus, changes: readonly ExecutionChange[]): void {
  if (changes.length > 0) bus.nudge(NUDGE.changed, { changes });
}
