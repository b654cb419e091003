import type { Context } from "hono";
import { findPack, type PackRow, type PackSight } from "../db/pack_list.ts";
import { allows } from "./auth/allow.ts";
import { isUnconstrained } from "./auth/allow.ts";
import { personOf } from "./auth/authenticate.ts";
import type { ApiEnv, Caller } from "./env.ts";
import { ApiError } from "./errors.ts";

/** Pack of a ref; 404 when there is none. */
export async function packByRef(
  c: Context<ApiEnv>,
  ref: string,
): Promise<PackRow> {
  const pack = await findPack(c.var.deps.db, ref);
  if (pack === undefined) throw unknownPack(ref);
  return pack;
}

export function unknownPack(ref: string): ApiError {
  return new ApiError("NOT_FOUND", `Pack '${ref}' not found`);
}

/**
 * True when the caller may do it to this pack (api.md 2.6): a pack that
 * somebody else owns needs a grant that names it.
 */
export function allowsPack(
  caller: Exclude<Caller, { kind: "worker" }>,
  action: string,
  { ref, owner_identity }: { ref: string; owner_identity: number | null },
): boolean {
  const foreign = owner_identity !== null &&
    owner_identity !== caller.identityId;
  const grants = foreign
    ? caller.grants.filter((grant) => !isUnconstrained(grant))
    : caller.grants;
  return allows({ ...caller, grants }, "packs", action, { ref, packRef: ref });
}

/** 403 when {@linkcode allowsPack} is false. */
export function allowPack(
  c: Context<ApiEnv>,
  action: string,
  pack: PackRow,
): void {
  if (allowsPack(personOf(c), action, pack)) return;
  throw new ApiError(
    "FORBIDDEN",
    `Permission "packs:${action}" is required for pack '${pack.ref}'`,
  );
}

/** True when the caller may see the pack at all. */
export function seesPack(c: Context<ApiEnv>, pack: PackRow): boolean {
  return pack.is_standard || allowsPack(personOf(c), "read", pack);
}

/** The same as a condition for lists. */
export function sightOf(c: Context<ApiEnv>): PackSight {
  const { grants, identityId } = personOf(c);
  const reading = grants.filter(({ resource, actions }) =>
    resource === "packs" && actions.includes("read")
  );
  return {
    readsAll: reading.some(isUnconstrained),
    identity: identityId,
    refs: reading.flatMap(({ constraints }) => namedBy(constraints ?? {})),
  };
}

/** Packs that constraints name; none when one of them cannot be decided here. */
function namedBy(constraints: Record<string, unknown>): string[] {
  const { refs, pack_refs, ...others } = constraints;
  if (Object.keys(others).length > 0) return [];
  const lists = [refs, pack_refs].filter(Array.isArray) as string[][];
  const [first = [], second] = lists;
  return second === undefined
    ? first
    : first.filter((ref) => second.includes(ref));
}
