import { join } from "node:path";
import type { Given } from "../config.ts";

/**
 * What makes `attune start` the development stack: everything below one
 * directory, a login anybody can read here, and self-registration.
 */
export function startPreset({ home, has }: Given): Record<string, unknown> {
  const admin = has("security.admin_login") || has("security.admin_password")
    ? {}
    : {
      "security.admin_login": "test@attune.local",
      "security.admin_password": "TestPass123!",
    };
  return {
    packs_base_dir: join(home, "packs"),
    runtime_envs_dir: join(home, "runtime_envs"),
    artifacts_dir: join(home, "artifacts"),
    "security.allow_self_registration": true,
    ...admin,
  };
}
