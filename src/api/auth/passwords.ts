import { randomBytes } from "node:crypto";
import { argon2id, argon2Verify } from "hash-wasm";

const COST = {
  memorySize: 19_456,
  iterations: 2,
  parallelism: 1,
  hashLength: 32,
};

/** PHC string of a password: Argon2id, m=19456 KiB, t=2, p=1. */
export function hashPassword(password: string): Promise<string> {
  return argon2id({
    ...COST,
    password,
    salt: randomBytes(16),
    outputType: "encoded",
  });
}

let decoy: Promise<string> | undefined;

/**
 * True when `password` made `hash`. Without a hash the same work is done and
 * the answer is false, so that time does not tell which logins exist.
 */
export async function isPassword(
  password: string,
  hash: string | null | undefined,
): Promise<boolean> {
  // The library throws on it; nobody has an empty password.
  if (password === "") return false;
  const known = typeof hash === "string" && hash.startsWith("$argon2id$");
  decoy ??= hashPassword(crypto.randomUUID());
  const matches = await argon2Verify({
    password,
    hash: known ? hash : await decoy,
  });
  return known && matches;
}
