import type { Context, MiddlewareHandler, Next } from "hono";
import { isObject } from "../../domain/json.ts";
import type { Grant } from "../../domain/pack.ts";
import type { ApiEnv, Caller } from "../env.ts";
import { ApiError } from "../errors.ts";

/** What a permission is asked for; left out for creation and for resources without a target. */
export interface Target {
  ref?: string;
  packRef?: string;
}

/** True when a grant of the caller covers the action on the target. */
export function allows(
  caller: Caller,
  resource: string,
  action: string,
  target: Target = {},
): boolean {
  return caller.kind !== "worker" &&
    caller.grants.some((grant) =>
      grant.resource === resource && grant.actions.includes(action) &&
      matches(grant, target)
    );
}

/** Throws 403 when {@linkcode allows} is false. Look the target up first: 404 wins over 403. */
export function allow(
  c: Context<ApiEnv>,
  resource: string,
  action: string,
  target: Target = {},
): void {
  if (allows(c.var.caller, resource, action, target)) return;
  throw new ApiError(
    "FORBIDDEN",
    `Permission "${resource}:${action}" is required`,
  );
}

/** Middleware for creation and lists, where the check comes before query and body are read. */
export function permit(
  resource: string,
  action: string,
): MiddlewareHandler<ApiEnv> {
  return (c: Context<ApiEnv>, next: Next) => {
    allow(c, resource, action);
    return next();
  };
}

/** True for a grant that holds for every target. */
export function isUnconstrained({ constraints }: Grant): boolean {
  return constraints === undefined || Object.keys(constraints).length === 0;
}

/** A constraint that cannot be decided here does not match, so its grant does not count. */
function matches({ constraints }: Grant, target: Target): boolean {
  return !isObject(constraints) ||
    Object.entries(constraints).every(([name, wanted]) => {
      const subject = name === "pack_refs"
        ? target.packRef
        : name === "refs"
        ? target.ref
        : undefined;
      return subject !== undefined && Array.isArray(wanted) &&
        wanted.includes(subject);
    });
}
