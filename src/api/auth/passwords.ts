import { randomBytes } from "node:crypto";
import { argon2id, argon2Verify } from "hash-wasm";

const COST = {
  memorySize: 19_456,
  iterations: 2,
  parallelism: 1,
  hashLength: 32,
};
/** Costs what a real hash costs, and no password makes it. */
const DECOY = `$argon2id$v=19$m=19456,t=2,p=1$${"A".repeat(22)}$${
  "A".repeat(43)
}`;

/** PHC string of a password: Argon2id, m=19456 KiB, t=2, p=1. */
export function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  return inTurn(() =>
    argon2id({ ...COST, password, salt, outputType: "encoded" })
  );
}

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
  const matches = await inTurn(() =>
    argon2Verify({ password, hash: known ? hash : DECOY })
  );
  return known && matches;
}

let last: Promise<unknown> = Promise.resolve();

/** One at a time, as each takes 19 MiB. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const mine = last.then(work);
  last = mine.catch(() => {});
  return mine;
}
