import type { FleetWorker } from "../db/fleet.ts";
import type { Requirement } from "../domain/requirement.ts";
import { compareVersions } from "../domain/version_constraint.ts";
import { type Match, matchAgent } from "./match_agent.ts";

/** What the fleet can do for a requirement. */
export type Verdict =
  /** At least one suitable agent is live and may take work; best first by `points`. */
  | { state: "live"; workers: { id: number; points: number }[] }
  /** Suitable agents exist, or may come, but none can take work now. */
  | { state: "waiting"; waitingFor: string }
  /** No registered agent could ever take it. */
  | { state: "never"; error: string };

/** Matches one requirement against every registered agent (packs.md 2.6). */
export function judge(
  requirement: Requirement,
  fleet: readonly FleetWorker[],
  match: (r: Requirement, w: FleetWorker) => Match = matchAgent,
): Verdict {
  const matches = fleet.map((worker) => ({
    worker,
    ...match(requirement, worker),
  }));
  const suitable = matches.filter((m) => m.ever);
  const live = suitable.filter(({ worker }) =>
    !worker.cordoned && !worker.silent
  );
  if (live.length > 0) {
    return {
      state: "live",
      workers: live.map(({ worker, points }) => ({ id: worker.id, points }))
        .toSorted((a, b) => b.points - a.points),
    };
  }
  if (fleet.some((w) => w.role === "action") && suitable.length === 0) {
    return { state: "never", error: describeUnmet(matches) };
  }
  return {
    state: "waiting",
    waitingFor: describeWait(suitable.map((m) => m.worker)),
  };
}

/** Conditions that no agent meets; when each is met by some agent, all of them with how many miss it. */
function describeUnmet(
  all: readonly (Match & { worker: FleetWorker })[],
): string {
  const matches = all.filter(({ worker }) => worker.role === "action");
  const misses = new Map<string, { agents: number; offered: Set<string> }>();
  for (const { condition, offered } of matches.flatMap((m) => m.unmet)) {
    const miss = misses.get(condition) ?? { agents: 0, offered: new Set() };
    miss.agents++;
    for (const version of offered) miss.offered.add(version);
    misses.set(condition, miss);
  }
  const parts = [...misses].map(([condition, { agents, offered }]) => ({
    agents,
    text: condition + describeOffered(offered),
  }));
  const nobody = parts.filter((part) => part.agents === matches.length);
  if (nobody.length > 0) {
    return nobody.map((part) => `no agent ${part.text}`).join("; ");
  }
  const wanted = parts.map((part) =>
    `${part.text} (not so on ${part.agents} of ${matches.length})`
  );
  return `no agent meets all of: ${wanted.join("; ")}`;
}

function describeOffered(offered: ReadonlySet<string>): string {
  if (offered.size === 0) return "";
  const versions = [...offered].toSorted(compareVersions);
  return ` (offered: ${versions.join(", ")})`;
}

function describeWait(suitable: readonly FleetWorker[]): string {
  if (suitable.length === 0) return "an agent: none is registered";
  const named = suitable.slice(0, 5).map(({ name, cordoned }) =>
    `${name} is ${cordoned ? "cordoned" : "silent"}`
  );
  const more = suitable.length - named.length;
  return `a suitable agent: ${named.join(", ")}${
    more > 0 ? ` and ${more} more` : ""
  }`;
}
