import { crowdedQueues, fleetSignature } from "../db/fleet.ts";
import { failWaiting } from "../db/sweep.ts";
import { NUDGE } from "../domain/changes.ts";
import type { Requirement } from "../domain/requirement.ts";
import { announce } from "./announce.ts";
import { type FleetOptions, type FleetView, matchFleet } from "./fleet.ts";
import { startLoop } from "./loop.ts";

/** Keeps the match of fleet and requirements up to date. */
export interface FleetWatch extends AsyncDisposable {
  view(): FleetView | undefined;
  /** Matches now, with these requirements too. */
  match(also: readonly Requirement[]): Promise<FleetView>;
  /** Something may have changed. */
  changed(): void;
  /** Finds out whether something changed that nobody told of; once a second. */
  look(): Promise<void>;
}

export interface FleetWatchOptions extends FleetOptions {
  /** An agent is there for executions that wait for this requirement. Not called before {@linkcode watchFleet} resolved. */
  onReady: (key: string) => void;
}

/** Matching is repeated after so long even when nothing seems to have changed. */
const REMATCH_MS = 10_000;

/** Begins to watch; the first match is made before this resolves. */
export async function watchFleet(
  options: FleetWatchOptions,
): Promise<FleetWatch> {
  const { sql, bus, log, silentMs, onReady } = options;
  await using undo = new AsyncDisposableStack();
  let view: FleetView | undefined;
  let signature = "";
  let matchedAt = 0;

  async function refresh(also: readonly Requirement[]) {
    view = await matchFleet(options, { also, known: view });
    matchedAt = performance.now();
    return view;
  }

  async function match(also: readonly Requirement[] = []) {
    const view = await refresh(also);
    for (const key of view.waiting) {
      if (view.verdicts.get(key)?.state === "live") onReady(key);
    }
    return view;
  }

  /** What waits for an agent that cannot come ends now. */
  async function failHopeless({ waiting, verdicts }: FleetView) {
    for (const key of waiting) {
      const verdict = verdicts.get(key);
      if (verdict?.state !== "never") continue;
      for (let full = true; full;) {
        // deno-lint-ignore no-await-in-loop -- batch after batch
        const failed = await failWaiting(sql, { key, error: verdict.error });
        announce(bus, failed.changes);
        full = failed.full;
      }
    }
  }

  const loop = undo.use(startLoop({
    name: "matching the fleet",
    log,
    async step() {
      await failHopeless(await match());
      return false;
    },
  }));
  undo.use(await bus.watch(NUDGE.fleet, loop.wake));
  undo.use(await bus.watch(NUDGE.pack, loop.wake));
  undo.use(bus.onReconnect(loop.wake));
  await refresh([]);
  loop.wake();

  const open = undo.move();
  return {
    view: () => view,
    match,
    changed: loop.wake,
    async look() {
      const crowded = view?.tiered.length
        ? await crowdedQueues(sql, view.tiered)
        : [];
      const now = [await fleetSignature(sql, silentMs), ...crowded].join();
      const old = performance.now() - matchedAt > REMATCH_MS;
      if (now !== signature || old) loop.wake();
      signature = now;
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
