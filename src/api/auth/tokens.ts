import { errors, jwtVerify, SignJWT } from "jose";
import { TokenRefused } from "../errors.ts";
import { isObject, type JsonObject } from "../../domain/json.ts";

export const TOKEN_TYPES = [
  "access",
  "refresh",
  "sensor",
  "execution",
  "worker",
] as const;
export type TokenType = typeof TOKEN_TYPES[number];

/** What a token of ours says (api.md 2.1). */
export interface Claims {
  /** Identity id. */
  sub: number;
  login: string;
  token_type: TokenType;
  scope: string | null;
  metadata: JsonObject;
  /** Unix seconds. */
  iat: number;
  exp: number;
}

export interface ExecutionTokenRequest {
  executionId: number;
  actionRef: string;
  packRef: string;
  /** Not empty; may contain `standard`. */
  permissionSetRefs: string[];
  /** The execution's executor, else {@linkcode SYSTEM_IDENTITY}. */
  identityId: number;
  /** Effective timeout in seconds; the token lives 60 s longer. */
  ttlS: number;
}

/** Created with the schema; owns what nobody asked for in person. */
export const SYSTEM_IDENTITY = 1;
/** Reserved ref that names no stored permission set (api.md 2.8). */
export const STANDARD_SET = "standard";

const WORKER_TTL_S = 86_400;
const LEEWAY_S = 60;

/** Access token of an identity. */
export function signAccessToken(
  jwtSecret: string,
  identity: { id: number; login: string },
  ttlS: number,
): Promise<string> {
  return sign(jwtSecret, identity.id, identity.login, "access", ttlS);
}

/** Refresh token of an identity. */
export function signRefreshToken(
  jwtSecret: string,
  identity: { id: number; login: string },
  ttlS: number,
): Promise<string> {
  return sign(jwtSecret, identity.id, identity.login, "refresh", ttlS);
}

/** Token of a registered worker: good for the agent endpoints only, for a day. */
export function signWorkerToken(
  jwtSecret: string,
  workerId: number,
): Promise<string> {
  return sign(
    jwtSecret,
    SYSTEM_IDENTITY,
    `worker:${workerId}`,
    "worker",
    WORKER_TTL_S,
    { scope: "internal_files", metadata: { worker_id: workerId } },
  );
}

/** Token that a running action gets: permissions of the sets it names and no others. */
export function signExecutionToken(
  jwtSecret: string,
  request: ExecutionTokenRequest,
): Promise<string> {
  const { executionId, actionRef, packRef, permissionSetRefs } = request;
  const standard = permissionSetRefs.includes(STANDARD_SET);
  return sign(
    jwtSecret,
    request.identityId,
    `execution:${executionId}`,
    "execution",
    Math.ceil(request.ttlS) + 60,
    {
      scope: "execution",
      metadata: {
        execution_id: executionId,
        action_ref: actionRef,
        permission_set_refs: permissionSetRefs,
        standard_access_action_refs: standard ? [actionRef] : [],
        standard_access_pack_refs: standard ? [packRef] : [],
      },
    },
  );
}

/** The claims of a token that we signed and that has not expired. Throws {@linkcode TokenRefused}. */
export async function readToken(
  jwtSecret: string,
  token: string,
): Promise<Claims> {
  const name = `${jwtSecret}\n${token}`;
  const seen = verified.get(name);
  if (seen !== undefined && seen.exp + LEEWAY_S > Date.now() / 1000) {
    return seen;
  }
  const claims = await verify(jwtSecret, token);
  if (verified.size >= VERIFIED_MAX) verified.clear();
  verified.set(name, claims);
  return claims;
}

/** A signature that held once holds for ever: only the expiry is looked at again. */
const verified = new Map<string, Claims>();
const VERIFIED_MAX = 1000;

async function verify(jwtSecret: string, token: string): Promise<Claims> {
  const key = await keyOf(jwtSecret);
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: ["HS256"],
      clockTolerance: LEEWAY_S,
      requiredClaims: ["exp"],
    });
    return toClaims(payload);
  } catch (cause) {
    if (cause instanceof TokenRefused) throw cause;
    throw new TokenRefused(
      cause instanceof errors.JWTExpired
        ? "The token has expired"
        : "Invalid authentication token",
      { cause },
    );
  }
}

function toClaims(payload: Record<string, unknown>): Claims {
  const { sub, login, token_type = "access", scope, metadata, iat, exp } =
    payload;
  const type = TOKEN_TYPES.find((known) => known === token_type);
  const id = Number(sub);
  if (
    type === undefined || typeof sub !== "string" ||
    !Number.isSafeInteger(id) || id < 1 || typeof login !== "string"
  ) throw new TokenRefused("Invalid authentication token");
  return {
    sub: id,
    login,
    token_type: type,
    scope: typeof scope === "string" ? scope : null,
    metadata: isObject(metadata) ? metadata as JsonObject : {},
    iat: Number(iat ?? 0),
    exp: Number(exp),
  };
}

async function sign(
  jwtSecret: string,
  identityId: number,
  login: string,
  tokenType: TokenType,
  ttlS: number,
  more: { scope?: string; metadata?: JsonObject } = {},
): Promise<string> {
  const iat = Math.floor(Date.now() / 1000);
  const claims = { ...more, login, token_type: tokenType, iat };
  return await new SignJWT({
    ...claims,
    sub: String(identityId),
    exp: iat + ttlS,
  }).setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .sign(await keyOf(jwtSecret));
}

const keys = new Map<string, Promise<CryptoKey>>();

/** Importing the secret for every token would cost more than checking the token. */
function keyOf(jwtSecret: string): Promise<CryptoKey> {
  let key = keys.get(jwtSecret);
  if (key === undefined) {
    key = crypto.subtle.importKey(
      "raw",
      new TextEncoder().encode(jwtSecret),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign", "verify"],
    );
    keys.set(jwtSecret, key);
  }
  return key;
}
