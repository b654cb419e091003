import {
  type Affinity,
  NO_AFFINITY,
  type Toleration,
} from "../domain/placement.ts";
import type { Requirement } from "../domain/requirement.ts";
import { canonicalName, type NamedRuntime } from "../domain/resolve_runtime.ts";

/** What an action says about the agents it can run on. */
export interface ActionNeeds {
  runtime: string;
  runtime_version: string | null;
  required_worker_runtimes: Record<string, string>;
  worker_selector: Record<string, string>;
  worker_tolerations: Toleration[];
  worker_affinity: Affinity;
}

/** An execution's own placement; null = the action's. */
export interface PlacementOverrides {
  worker_selector: Record<string, string> | null;
  worker_tolerations: Toleration[] | null;
  worker_affinity: Affinity | null;
}

/** Everything an execution of the action needs of an agent, runtimes by their canonical names. */
export function requirementOf(
  action: ActionNeeds,
  runtimes: readonly NamedRuntime[],
  overrides?: PlacementOverrides,
): Requirement {
  return {
    runtime: canonicalName(action.runtime, runtimes),
    runtime_version: action.runtime_version?.trim() || null,
    required_runtimes: Object.fromEntries(
      Object.entries(action.required_worker_runtimes).map((
        [name, constraint],
      ) => [canonicalName(name, runtimes), constraint.trim() || "*"]),
    ),
    selector: overrides?.worker_selector ?? action.worker_selector,
    tolerations: overrides?.worker_tolerations ?? action.worker_tolerations,
    affinity: {
      ...NO_AFFINITY,
      ...overrides?.worker_affinity ?? action.worker_affinity,
    },
  };
}
