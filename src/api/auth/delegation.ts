import { findPermissionSets, type GrantSet } from "../../db/permission.ts";
import type { ApiDeps, Caller } from "../env.ts";
import { ApiError } from "../errors.ts";
import { isUnconstrained } from "./allow.ts";
import { STANDARD_SET } from "./tokens.ts";

/**
 * Refuses (403) to hand out more than the caller has (api.md 2.8): every grant
 * of the named sets must be held, compared resource by action; grants of the
 * caller that are narrowed to particular targets do not count.
 */
export async function checkDelegation(
  db: ApiDeps["db"],
  caller: Caller,
  setRefs: readonly string[],
): Promise<void> {
  const refs = setRefs.filter((ref) => ref !== STANDARD_SET);
  if (refs.length === 0) return;
  const sets = await findPermissionSets(db, refs);
  const unknown = refs.find((ref) => !sets.some((set) => set.ref === ref));
  if (unknown !== undefined) {
    throw new ApiError("FORBIDDEN", `Permission set "${unknown}" is not known`);
  }
  const held = heldBy(caller);
  for (const set of sets) {
    const excess = excessOf(set, held);
    if (excess === undefined) continue;
    throw new ApiError(
      "FORBIDDEN",
      `Cannot hand out permission set "${set.ref}": it grants "${excess}", which you do not have`,
    );
  }
}

/** `resource:action` of every grant that holds for all targets. */
export function heldBy(caller: Caller): ReadonlySet<string> {
  return new Set(
    caller.kind === "worker"
      ? []
      : caller.grants.filter(isUnconstrained).flatMap(permissions),
  );
}

/** True when a set grants nothing that is not held. */
export function isWithin(set: GrantSet, held: ReadonlySet<string>): boolean {
  return excessOf(set, held) === undefined;
}

function excessOf({ grants }: GrantSet, held: ReadonlySet<string>) {
  return grants.flatMap(permissions).find((one) => !held.has(one));
}

function permissions(
  { resource, actions }: GrantSet["grants"][number],
): string[] {
  return actions.map((action) => `${resource}:${action}`);
}
