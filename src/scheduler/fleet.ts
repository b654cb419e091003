import type { Bus } from "../bus/bus.ts";
import type { Db, Queryable } from "../db/connect.ts";
import {
  type FleetWorker,
  type KeyedRequirement,
  lockFleet,
  readActionNeeds,
  readFleet,
  readRequirements,
  readRuntimeNames,
  storeActionRequirements,
  storeOffers,
  storeRequirements,
} from "../db/fleet.ts";
import { NUDGE } from "../domain/changes.ts";
import { canonicalJson } from "../domain/json.ts";
import { type Requirement, requirementKey } from "../domain/requirement.ts";
import type { NamedRuntime } from "../domain/resolve_runtime.ts";
import type { Log } from "../log.ts";
import { judge, type Verdict } from "./judge.ts";
import { type Match, matchAgent } from "./match_agent.ts";
import { requirementOf } from "./requirement_of.ts";
import type { WorkQueues } from "./work_queues.ts";

/** Who can do what, as of one moment. */
export interface FleetView {
  runtimes: readonly NamedRuntime[];
  verdicts: ReadonlyMap<string, Verdict>;
  /** Keys that executions wait for an agent of. */
  waiting: readonly string[];
  /** Keys whose suitable agents are not equally welcome. */
  tiered: readonly string[];
}

export interface FleetOptions {
  sql: Db;
  bus: Bus;
  log: Log;
  queues: WorkQueues;
  /** An agent without a heartbeat for so long counts as silent. */
  silentMs: number;
}

/**
 * Matches what is needed with what is offered, and tells the agents for whom
 * that changed. `also`: requirements that are needed though no action as such
 * has them. `known`: the view before; without it, and when names of runtimes
 * changed since, every action is looked at again.
 */
export async function matchFleet(
  { sql, bus, log, queues, silentMs }: FleetOptions,
  { also = [], known }: {
    also?: readonly Requirement[];
    known?: FleetView | undefined;
  } = {},
): Promise<FleetView> {
  const { view, changed } = await sql.begin(async (tx) => {
    await lockFleet(tx);
    const runtimes = await readRuntimeNames(tx);
    await storeRequirements(tx, also.map(keyed));
    const all = canonicalJson(runtimes) !== canonicalJson(known?.runtimes);
    await learnActions(tx, runtimes, all);
    const [requirements, fleet] = await Promise.all([
      readRequirements(tx),
      readFleet(tx, silentMs),
    ]);
    const match = remembering(fleet);
    const judged = requirements.map((r) => ({
      ...r,
      verdict: judge(r.body, fleet, match),
    }));
    const changed = await storeOffers(tx, judged.flatMap(offersOf));
    return { view: toView(runtimes, judged), changed };
  });
  // Nobody pulls from a queue before the agents hear of it; sending opens it too.
  await queues.open([...view.verdicts.keys()]).catch((error) =>
    log.warn("could not open the work queues", { error })
  );
  for (const worker of changed) bus.nudge(NUDGE.agent(worker), {});
  if (changed.length > 0) log.info("matched the fleet", { agents: changed });
  return view;
}

/** Brings `action_requirement` up to date. */
async function learnActions(
  tx: Queryable,
  runtimes: readonly NamedRuntime[],
  all: boolean,
): Promise<void> {
  const actions = (await readActionNeeds(tx, { all })).map((action) => ({
    action: action.id,
    updated: action.updated,
    ...keyed(requirementOf(action, runtimes)),
  }));
  const distinct = new Map(actions.map((a) => [a.key, a]));
  await storeRequirements(tx, [...distinct.values()]);
  await storeActionRequirements(tx, actions);
}

function keyed(body: Requirement): KeyedRequirement {
  return { key: requirementKey(body), body };
}

interface Judged extends KeyedRequirement {
  waiting: boolean;
  crowded: boolean;
  verdict: Verdict;
}

/** The most welcome live agents; all suitable ones while work piles up. */
function offersOf(
  { key, verdict, crowded }: Judged,
): { worker: number; key: string }[] {
  if (verdict.state !== "live") return [];
  const best = verdict.workers[0]!.points;
  return verdict.workers
    .filter(({ points }) => crowded || points === best)
    .map(({ id }) => ({ worker: id, key }));
}

function toView(
  runtimes: readonly NamedRuntime[],
  judged: readonly Judged[],
): FleetView {
  return {
    runtimes,
    verdicts: new Map(judged.map(({ key, verdict }) => [key, verdict])),
    waiting: judged.filter((r) => r.waiting).map((r) => r.key),
    tiered: judged.filter(({ verdict }) =>
      verdict.state === "live" &&
      verdict.workers.at(-1)!.points !== verdict.workers[0]!.points
    ).map((r) => r.key),
  };
}

/** `matchAgent` that answers at once for agents that offer the same. */
function remembering(fleet: readonly FleetWorker[]) {
  const offers = new Map(fleet.map((worker) => [
    worker.id,
    canonicalJson([
      worker.role,
      worker.capabilities.runtimes,
      worker.capabilities.runtime_versions,
      worker.capabilities.labels,
      worker.capabilities.taints,
    ]),
  ]));
  const known = new Map<Requirement, Map<string, Match>>();
  return (requirement: Requirement, worker: FleetWorker): Match => {
    const of = known.getOrInsertComputed(requirement, () => new Map());
    return of.getOrInsertComputed(
      offers.get(worker.id)!,
      () => matchOrSay(requirement, worker),
    );
  };
}

/** A row that nobody validated must not stop the matching of all others. */
function matchOrSay(requirement: Requirement, worker: FleetWorker): Match {
  try {
    return matchAgent(requirement, worker);
  } catch (error) {
    const condition = `can be matched with its capabilities: ${error}`;
    return { ever: false, unmet: [{ condition, offered: [] }], points: 0 };
  }
}
