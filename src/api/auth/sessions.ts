import type { Context } from "hono";
import { setCookie } from "hono/cookie";
import type { z } from "@hono/zod-openapi";
import type { ApiEnv, ApiSettings } from "../env.ts";
import type { TokenResponse } from "../schemas/auth.ts";
import { ACCESS_COOKIE, REFRESH_COOKIE } from "./authenticate.ts";
import { signAccessToken, signRefreshToken } from "./tokens.ts";

type Tokens = z.infer<typeof TokenResponse>;

/** A fresh pair of tokens for an identity. `user` is null in the answer to a refresh. */
export async function issueTokens(
  { jwtSecret, accessTtlS, refreshTtlS }: ApiSettings,
  { id, login, display_name }: {
    id: number;
    login: string;
    display_name: string | null;
  },
  { withUser }: { withUser: boolean },
): Promise<Tokens> {
  const [access_token, refresh_token] = await Promise.all([
    signAccessToken(jwtSecret, { id, login }, accessTtlS),
    signRefreshToken(jwtSecret, { id, login }, refreshTtlS),
  ]);
  return {
    access_token,
    refresh_token,
    token_type: "Bearer",
    expires_in: accessTtlS,
    user: withUser ? { id, login, display_name } : null,
  };
}

/** Hands the tokens to a browser. */
export function setTokenCookies(c: Context<ApiEnv>, tokens: Tokens): void {
  const { publicUrl, refreshTtlS } = c.var.deps.settings;
  const secure = new URL(publicUrl ?? c.req.url).protocol === "https:";
  const common = {
    httpOnly: true,
    secure,
    sameSite: "Lax",
    path: "/",
  } as const;
  const { access_token, refresh_token, expires_in } = tokens;
  setCookie(c, ACCESS_COOKIE, access_token, { ...common, maxAge: expires_in });
  setCookie(c, REFRESH_COOKIE, refresh_token, {
    ...common,
    maxAge: refreshTtlS,
  });
}
