import { findPermissionSets } from "../../db/permission.ts";
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
  const held = new Set(
    caller.kind === "worker" ? [] : caller.grants.filter(isUnconstrained)
      .flatMap(({ resource, actions }) =>
        actions.map((action) => `${resource}:${action}`)
      ),
  );
  for (const { ref, grants } of sets) {
    for (const { resource, actions } of grants) {
      const excess = actions.find((action) =>
        !held.has(`${resource}:${action}`)
      );
      if (excess === undefined) continue;
      throw new ApiError(
        "FORBIDDEN",
        `Cannot hand out permission set "${ref}": it grants "${resource}:${excess}", which you do not have`,
      );
    }
  }
}
