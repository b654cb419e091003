import type { Decision, Undecided } from "../db/dispatch.ts";
import type { FleetView } from "./fleet.ts";
import type { Requirement } from "../domain/requirement.ts";
import { requirementKey } from "../domain/requirement.ts";
import { requirementOf } from "./requirement_of.ts";

export interface DecideOptions {
  /** The last match; undefined before the first one. */
  view: () => FleetView | undefined;
  /** Matches again, with these requirements too. */
  match: (also: readonly Requirement[]) => Promise<FleetView>;
}

type Open = Undecided & { requirement: Requirement; key: string };

/** What becomes of each execution. Matches the fleet again unless each of them has a live agent as things were last. */
export async function decide(
  { view, match }: DecideOptions,
  undecided: readonly Undecided[],
): Promise<Decision[]> {
  const failed: Decision[] = [];
  const open = undecided.filter((one) => {
    const error = faultOf(one);
    if (error !== undefined) failed.push(failure(one, "error", error));
    return error === undefined;
  });
  if (open.length === 0) return failed;
  const before = view() ?? await match([]);
  const needs = open.map((one) => withRequirement(one, before));
  const distinct = new Map(needs.map((one) => [one.key, one.requirement]));
  const lively = needs.every(({ key }) =>
    before.verdicts.get(key)?.state === "live"
  );
  const now = lively ? before : await match([...distinct.values()]);
  return [...failed, ...needs.map((one) => judged(one, now))];
}

/** Why an execution can never run, whatever agents there are. */
function faultOf({ action, action_ref }: Undecided): string | undefined {
  if (action === null) {
    return `Action ${action_ref} was deleted before the execution could start`;
  }
  if (action.workflow) {
    return `Action ${action_ref} is a workflow, and workflows cannot be run yet`;
  }
  if (!action.pack_enabled) {
    return `Pack ${action.pack_ref} is disabled; enable it to run ${action_ref}`;
  }
  if (!action.enabled) {
    return `Action ${action_ref} is disabled; enable it to run it`;
  }
  if (action.runtime === null) return `Action ${action_ref} names no runtime`;
  return undefined;
}

function withRequirement(one: Undecided, view: FleetView): Open {
  const { action } = one;
  const requirement = requirementOf(
    { ...action!, runtime: action!.runtime! },
    view.runtimes,
    one,
  );
  return { ...one, requirement, key: requirementKey(requirement) };
}

function judged(one: Open, { verdicts }: FleetView): Decision {
  const { id, attempt, key } = one;
  const verdict = verdicts.get(key);
  switch (verdict?.state) {
    case "live":
      return { verdict: "queue", id, attempt, key };
    case "never":
      return failure(one, "no_worker", verdict.error);
    default: {
      const waitingFor = verdict?.waitingFor ?? "the agents to be matched";
      return { verdict: "wait", id, attempt, key, waitingFor };
    }
  }
}

function failure(
  { id, attempt }: Undecided,
  reason: "error" | "no_worker",
  error: string,
): Decision {
  return { verdict: "fail", id, attempt, reason, error };
}
