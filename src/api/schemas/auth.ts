import { z } from "@hono/zod-openapi";
import { Id, optional } from "./common.ts";

export const User = z.object({
  id: Id,
  login: z.string(),
  display_name: z.string().nullable(),
});

export const TokenResponse = z.object({
  access_token: z.string(),
  refresh_token: z.string(),
  token_type: z.literal("Bearer"),
  expires_in: z.int().openapi({ description: "Seconds" }),
  user: User.nullable(),
}).openapi("TokenResponse");

export const CurrentUser = User.extend({
  auth_provider: z.enum(["local", "oidc", "ldap"]),
  is_local: z.boolean(),
  can_change_password: z.boolean(),
  provider_profile: z.object({ provider: z.string() }).nullable(),
  effective_permissions: z.array(z.object({
    resource: z.string(),
    actions: z.array(z.string()),
  })),
  assigned_permission_set_refs: z.array(z.string()),
}).openapi("CurrentUser");

export const AuthSettings = z.object({
  authentication_enabled: z.boolean(),
  local_password_enabled: z.boolean(),
  local_password_visible_by_default: z.boolean(),
  oidc_enabled: z.boolean(),
  oidc_visible_by_default: z.boolean(),
  oidc_provider_name: z.string().nullable(),
  oidc_provider_label: z.string().nullable(),
  oidc_provider_icon_url: z.string().nullable(),
  ldap_enabled: z.boolean(),
  ldap_visible_by_default: z.boolean(),
  ldap_provider_name: z.string().nullable(),
  ldap_provider_label: z.string().nullable(),
  ldap_provider_icon_url: z.string().nullable(),
  self_registration_enabled: z.boolean(),
}).openapi("AuthSettings");

const newPassword = z.string().min(8).max(128);
const displayName = optional(z.string().max(255));

export const LoginRequest = z.object({
  login: z.string().min(1).max(255),
  password: z.string().min(1),
}).openapi("LoginRequest");

export const LdapLoginRequest = z.object({
  login: z.string().min(1).max(255),
  password: z.string().min(1).max(512),
}).openapi("LdapLoginRequest");

export const TokenLoginRequest = z.object({ token: z.string() })
  .openapi("TokenLoginRequest");

export const RegisterRequest = z.object({
  login: z.string().min(3).max(255),
  password: newPassword,
  display_name: displayName,
}).openapi("RegisterRequest");

export const RefreshRequest = z.object({
  refresh_token: optional(z.string()),
}).openapi("RefreshRequest");

export const UpdateMeRequest = z.object({ display_name: displayName })
  .openapi("UpdateMeRequest");

export const ChangePasswordRequest = z.object({
  current_password: z.string(),
  new_password: newPassword,
}).openapi("ChangePasswordRequest");
