import { deleteCookie, getCookie } from "hono/cookie";
import {
  findIdentity,
  findIdentityByLogin,
  insertIdentity,
} from "../../db/identity.ts";
import { ACCESS_COOKIE, REFRESH_COOKIE } from "../auth/authenticate.ts";
import { hashPassword, isPassword } from "../auth/passwords.ts";
import { issueTokens, setTokenCookies } from "../auth/sessions.ts";
import { readToken } from "../auth/tokens.ts";
import { single } from "../envelope.ts";
import { ApiError } from "../errors.ts";
import { body, endpoint, json, makeRouter, optionalBody } from "../router.ts";
import {
  AuthSettings,
  LdapLoginRequest,
  LoginRequest,
  RefreshRequest,
  RegisterRequest,
  TokenLoginRequest,
  TokenResponse,
} from "../schemas/auth.ts";

export const auth = makeRouter();

const tags = ["auth"];
const security: [] = [];
const tokens = { 200: json(single(TokenResponse), "Tokens") };

auth.openapi(
  endpoint({
    method: "get",
    path: "/auth/settings",
    tags,
    security,
    summary: "How one can log in",
    responses: { 200: json(single(AuthSettings), "Settings") },
  }),
  (c) =>
    c.json({
      data: {
        authentication_enabled: true,
        local_password_enabled: true,
        local_password_visible_by_default: true,
        oidc_enabled: false,
        oidc_visible_by_default: false,
        oidc_provider_name: null,
        oidc_provider_label: null,
        oidc_provider_icon_url: null,
        ldap_enabled: false,
        ldap_visible_by_default: false,
        ldap_provider_name: null,
        ldap_provider_label: null,
        ldap_provider_icon_url: null,
        self_registration_enabled: c.var.deps.settings.allowSelfRegistration,
      },
    }),
);

auth.openapi(
  endpoint({
    method: "post",
    path: "/auth/login",
    tags,
    security,
    summary: "Log in with a password",
    request: { body: body(LoginRequest) },
    responses: tokens,
  }),
  async (c) => {
    const { db, settings } = c.var.deps;
    const { login, password } = c.req.valid("json");
    const identity = await findIdentityByLogin(db, login);
    const known = await isPassword(password, identity?.password_hash);
    if (identity === undefined || !known) {
      throw new ApiError("UNAUTHORIZED", "Invalid login or password");
    }
    if (identity.frozen) throw frozen();
    const data = await issueTokens(settings, identity, { withUser: true });
    return c.json({ data });
  },
);

auth.openapi(
  endpoint({
    method: "post",
    path: "/auth/token-login",
    tags,
    security,
    summary: "Log in with an integration token",
    request: { body: body(TokenLoginRequest) },
    responses: tokens,
  }),
  () => {
    throw new ApiError("UNAUTHORIZED", "Invalid integration token");
  },
);

auth.openapi(
  endpoint(
    {
      method: "post",
      path: "/auth/register",
      tags,
      security,
      summary: "Create an identity of one's own",
      request: { body: body(RegisterRequest) },
      responses: tokens,
    },
    (c, next) => {
      if (c.var.deps.settings.allowSelfRegistration) return next();
      throw new ApiError(
        "FORBIDDEN",
        "Self-registration is off; ask an administrator for an account",
      );
    },
  ),
  async (c) => {
    const { db, settings } = c.var.deps;
    const { login, password, display_name } = c.req.valid("json");
    const identity = await insertIdentity(db, {
      login,
      display_name: display_name ?? null,
      password_hash: await hashPassword(password),
    });
    if (identity === undefined) {
      throw new ApiError("CONFLICT", `Login "${login}" is taken`);
    }
    const data = await issueTokens(settings, identity, { withUser: true });
    return c.json({ data });
  },
);

auth.openapi(
  endpoint({
    method: "post",
    path: "/auth/refresh",
    tags,
    security,
    summary: "Get fresh tokens",
    description:
      "Takes the refresh token from the body, else from its cookie; then new cookies are set.",
    request: { body: optionalBody(RefreshRequest) },
    responses: tokens,
  }),
  async (c) => {
    const { db, settings } = c.var.deps;
    const given = c.req.valid("json").refresh_token;
    const token = given ?? getCookie(c, REFRESH_COOKIE);
    if (token === undefined) {
      throw new ApiError("UNAUTHORIZED", "Missing refresh token");
    }
    const { sub, token_type, scope } = await readToken(
      settings.jwtSecret,
      token,
    ).catch((cause) => {
      throw new ApiError("UNAUTHORIZED", cause.message);
    });
    if (token_type !== "refresh" || scope !== null) {
      throw new ApiError("UNAUTHORIZED", "This is not a refresh token");
    }
    const identity = await findIdentity(db, sub);
    if (identity === undefined) {
      throw new ApiError("UNAUTHORIZED", "The identity no longer exists");
    }
    if (identity.frozen) throw frozen();
    const data = await issueTokens(settings, identity, { withUser: false });
    if (given === undefined) setTokenCookies(c, data);
    return c.json({ data });
  },
);

auth.openapi(
  endpoint({
    method: "post",
    path: "/auth/ldap/login",
    tags,
    security,
    summary: "Log in over LDAP",
    request: { body: body(LdapLoginRequest) },
    responses: tokens,
  }),
  () => {
    throw new ApiError("NOT_IMPLEMENTED", "LDAP is not configured");
  },
);

for (const path of ["/auth/oidc/login", "/auth/callback"] as const) {
  auth.openapi(
    endpoint({
      method: "get",
      path,
      tags,
      security,
      summary: "Log in over OpenID Connect",
      responses: { 307: { description: "To the provider or back" } },
    }),
    () => {
      throw new ApiError("NOT_IMPLEMENTED", "OpenID Connect is not configured");
    },
  );
}

auth.openapi(
  endpoint({
    method: "get",
    path: "/auth/logout",
    tags,
    security,
    summary: "Forget the browser's tokens",
    responses: { 307: { description: "To the login page" } },
  }),
  (c) => {
    deleteCookie(c, ACCESS_COOKIE, { path: "/" });
    deleteCookie(c, REFRESH_COOKIE, { path: "/" });
    return c.redirect("/login", 307);
  },
);

function frozen(): ApiError {
  return new ApiError("FORBIDDEN", "The identity is frozen");
}
