import type { Executable } from "../db/action_list.ts";
import { listPermissionSets } from "../db/permission.ts";
import { isUnconstrained } from "./auth/allow.ts";
import { heldBy, isWithin } from "./auth/delegation.ts";
import { STANDARD_SET } from "./auth/tokens.ts";
import type { ApiDeps, Caller } from "./env.ts";

const DECIDABLE = ["refs", "pack_refs"];

/** Which actions the caller may execute and hand their default permission sets to. */
export async function executableBy(
  db: ApiDeps["db"],
  caller: Exclude<Caller, { kind: "worker" }>,
): Promise<Executable> {
  const executing = caller.grants.filter(({ resource, actions }) =>
    resource === "actions" && actions.includes("execute")
  );
  const held = heldBy(caller);
  const sets = await listPermissionSets(db);
  return {
    all: executing.some(isUnconstrained),
    some: executing.map(({ constraints }) => constraints ?? {})
      .filter((constraints) => {
        const names = Object.keys(constraints);
        return names.length > 0 &&
          names.every((name) => DECIDABLE.includes(name));
      }),
    delegable: [
      STANDARD_SET,
      ...sets.filter((set) => isWithin(set, held)).map(({ ref }) => ref),
    ],
  };
}
