import {
  findIdentityByLogin,
  insertIdentityWithSet,
} from "../../db/identity.ts";
import type { Db } from "../../db/connect.ts";
import { hashPassword } from "./passwords.ts";

const ADMIN_SET = "core.admin";

/**
 * Makes sure that the login exists; a new one holds `core.admin`, an existing
 * one is left as it is. True when it was created. The core pack must be loaded.
 */
export async function ensureAdmin(
  db: Db,
  { login, password, displayName = null }: {
    login: string;
    password: string;
    displayName?: string | null;
  },
): Promise<boolean> {
  if (await findIdentityByLogin(db, login) !== undefined) return false;
  const outcome = await insertIdentityWithSet(db, {
    login,
    display_name: displayName,
    password_hash: await hashPassword(password),
  }, ADMIN_SET);
  if (outcome === "no_set") {
    throw new Error(
      `Cannot create the admin "${login}" as permission set "${ADMIN_SET}" is not loaded: load the core pack first`,
    );
  }
  return outcome === "created";
}
