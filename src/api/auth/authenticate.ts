import type { Context, Next } from "hono";
import { getCookie } from "hono/cookie";
import { authorityOf, callersGrants } from "../../db/permission.ts";
import { batchedPer } from "../batch.ts";
import type { ApiDeps, ApiEnv, Caller } from "../env.ts";
import { ApiError, TokenRefused } from "../errors.ts";
import { type Claims, readToken, STANDARD_SET } from "./tokens.ts";

export const ACCESS_COOKIE = "attune_access_token";
export const REFRESH_COOKIE = "attune_refresh_token";

const AGENT = "/api/v1/agent/";
/** These check a secret of their own. */
const OWN_CHECK = new Set(["register", "info", "binary"].map((n) => AGENT + n));

/** Puts the caller into the context; refuses everything that has no token of the right kind. */
export async function authenticate(
  c: Context<ApiEnv>,
  next: Next,
): Promise<void> {
  const { path } = c.req;
  if (!OWN_CHECK.has(path)) {
    const caller = await toCaller(c.var.deps, await readClaims(c));
    if (path.startsWith(AGENT) !== (caller.kind === "worker")) {
      throw new ApiError(
        "FORBIDDEN",
        caller.kind === "worker"
          ? "A worker token is good for the agent endpoints only"
          : "This endpoint needs the token of a worker",
      );
    }
    c.set("caller", caller);
  }
  await next();
}

/** The claims of the request's token: Bearer header, else the access cookie. Throws {@linkcode TokenRefused}. */
export function readClaims(c: Context<ApiEnv>): Promise<Claims> {
  const header = c.req.header("authorization");
  const token = header === undefined
    ? getCookie(c, ACCESS_COOKIE)
    : /^Bearer +(\S+) *$/i.exec(header)?.[1];
  if (token === undefined) {
    throw new TokenRefused(
      header === undefined
        ? "Missing authentication token"
        : 'Malformed Authorization header; send "Bearer <token>"',
    );
  }
  return readToken(c.var.deps.settings.jwtSecret, token);
}

/** The id of the calling worker; for the agent endpoints. */
export function workerOf(c: Context<ApiEnv>): number {
  const { caller } = c.var;
  if (caller.kind !== "worker") throw new TokenRefused("Not a worker token");
  return caller.workerId;
}

/** The caller of the endpoints that people and actions use. */
export function personOf(
  c: Context<ApiEnv>,
): Exclude<Caller, { kind: "worker" }> {
  const { caller } = c.var;
  if (caller.kind === "worker") throw new TokenRefused("A worker token");
  return caller;
}

/** Who a token stands for, with everything it may do now. Throws for kinds that may not call endpoints. */
export async function toCaller(
  { db }: ApiDeps,
  claims: Claims,
): Promise<Caller> {
  switch (claims.token_type) {
    case "access": {
      const found = await callerOf(db)(claims.sub);
      if (found === undefined) {
        throw new TokenRefused("The token's identity no longer exists");
      }
      if (found.frozen) throw frozen();
      const { id, login, grants } = found;
      return { kind: "access", identityId: id, login, grants };
    }
    case "execution":
      return await executionCaller(db, claims);
    case "worker":
      return { kind: "worker", workerId: Number(claims.metadata.worker_id) };
    default:
      throw new TokenRefused(
        `A token of type "${claims.token_type}" may not call this endpoint`,
      );
  }
}

async function executionCaller(
  db: ApiDeps["db"],
  { sub, metadata }: Claims,
): Promise<Caller> {
  const refs = Array.isArray(metadata.permission_set_refs)
    ? metadata.permission_set_refs.map(String)
    : [];
  const stored = refs.filter((ref) => ref !== STANDARD_SET);
  const executionId = Number(metadata.execution_id);
  const { ended, sets, ...identity } = await authorityOf(db, {
    execution: executionId,
    identity: sub,
    refs: stored,
  });
  if (ended) {
    throw new TokenRefused(
      `Execution ${executionId} has ended, and its token with it`,
    );
  }
  if (identity.frozen) throw frozen();
  const missing = stored.find((ref) => !sets.some((set) => set.ref === ref));
  if (missing !== undefined) {
    throw new ApiError(
      "FORBIDDEN",
      `Permission set "${missing}" named by the token no longer exists`,
    );
  }
  return {
    kind: "execution",
    identityId: sub,
    executionId,
    actionRef: String(metadata.action_ref),
    permissionSetRefs: refs,
    grants: sets.flatMap(({ grants }) => grants),
  };
}

function frozen(): ApiError {
  return new ApiError("FORBIDDEN", "The identity is frozen");
}

/** Requests that arrive together are looked up together; each sees what held after it came. */
const callerOf = batchedPer((db: ApiDeps["db"]) => ({
  run: (ids: number[]) => callersGrants(db, ids),
  max: 100,
  retryAlone: () => false,
}));
