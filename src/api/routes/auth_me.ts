import type { z } from "@hono/zod-openapi";
import type { Context, Next } from "hono";
import {
  findIdentity,
  type IdentityRow,
  setDisplayName,
  setPasswordHash,
} from "../../db/identity.ts";
import { assignedSetRefs } from "../../db/permission.ts";
import type { Grant } from "../../domain/pack.ts";
import { personOf, readClaims, toCaller } from "../auth/authenticate.ts";
import { hashPassword, isPassword } from "../auth/passwords.ts";
import { single, Success, success } from "../envelope.ts";
import type { ApiEnv } from "../env.ts";
import { ApiError, TokenRefused } from "../errors.ts";
import { body, endpoint, json, makeRouter, optionalBody } from "../router.ts";
import {
  ChangePasswordRequest,
  CurrentUser,
  UpdateMeRequest,
} from "../schemas/auth.ts";

export const authMe = makeRouter();

const tags = ["auth"];
const me = { 200: json(single(CurrentUser), "The caller") };

authMe.openapi(
  endpoint({
    method: "get",
    path: "/auth/me",
    tags,
    summary: "Who am I, and what may I do?",
    responses: me,
  }, signedIn),
  async (c) => c.json({ data: await currentUser(c) }),
);

authMe.openapi(
  endpoint({
    method: "put",
    path: "/auth/me",
    tags,
    summary: "Change my shown name",
    request: { body: optionalBody(UpdateMeRequest) },
    responses: me,
  }, signedIn),
  async (c) => {
    const name = c.req.valid("json").display_name;
    if (name !== undefined) {
      const { identityId } = personOf(c);
      await setDisplayName(c.var.deps.db, identityId, name.trim() || null);
    }
    return c.json({ data: await currentUser(c) });
  },
);

authMe.openapi(
  endpoint({
    method: "post",
    path: "/auth/change-password",
    tags,
    summary: "Change my password",
    request: { body: body(ChangePasswordRequest) },
    responses: { 200: json(single(Success), "Changed") },
  }, signedIn),
  async (c) => {
    const { db } = c.var.deps;
    const { current_password, new_password } = c.req.valid("json");
    const { id, password_hash: oldHash } = await myself(c);
    const known = await isPassword(current_password, oldHash);
    if (!known || oldHash === null) {
      throw new ApiError("UNAUTHORIZED", "The current password is wrong");
    }
    const newHash = await hashPassword(new_password);
    if (!await setPasswordHash(db, id, { oldHash, newHash })) {
      throw new ApiError("CONFLICT", "The password was changed meanwhile");
    }
    return c.json({ data: success("Password changed") });
  },
);

/**
 * `authenticate` for the endpoints about oneself: execution tokens may look,
 * only access tokens may change, and an identity that is gone is 404.
 */
async function signedIn(c: Context<ApiEnv>, next: Next): Promise<void> {
  const claims = await readClaims(c);
  const { token_type: kind } = claims;
  if (kind === "refresh" || kind === "sensor") {
    throw new TokenRefused(`A ${kind} token may not call this endpoint`);
  }
  if (kind !== "access" && (kind === "worker" || c.req.method !== "GET")) {
    throw new ApiError("FORBIDDEN", `A ${kind} token may not do this`);
  }
  const identity = await findIdentity(c.var.deps.db, claims.sub);
  if (identity === undefined) throw gone();
  if (identity.frozen) {
    throw new ApiError("FORBIDDEN", "The identity is frozen");
  }
  c.set("caller", await toCaller(c.var.deps, claims));
  await next();
}

async function myself(c: Context<ApiEnv>): Promise<IdentityRow> {
  const identity = await findIdentity(c.var.deps.db, personOf(c).identityId);
  if (identity === undefined) throw gone();
  return identity;
}

async function currentUser(
  c: Context<ApiEnv>,
): Promise<z.infer<typeof CurrentUser>> {
  const { id, login, display_name, password_hash } = await myself(c);
  const caller = personOf(c);
  const sets = caller.kind === "access"
    ? await assignedSetRefs(c.var.deps.db, id)
    : caller.permissionSetRefs.toSorted();
  return {
    id,
    login,
    display_name,
    auth_provider: "local",
    is_local: true,
    can_change_password: password_hash !== null,
    provider_profile: null,
    effective_permissions: merged(caller.grants),
    assigned_permission_set_refs: sets,
  };
}

/** One entry per resource, both levels sorted. */
function merged(grants: Grant[]): { resource: string; actions: string[] }[] {
  const byResource = Map.groupBy(grants, ({ resource }) => resource);
  return [...byResource].map(([resource, of]) => ({
    resource,
    actions: [...new Set(of.flatMap(({ actions }) => actions))].sort(),
  })).sort((a, b) => a.resource < b.resource ? -1 : 1);
}

function gone(): ApiError {
  return new ApiError("NOT_FOUND", "The token's identity no longer exists");
}
