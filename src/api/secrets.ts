import { isObject, type Json, type JsonObject } from "../domain/json.ts";
import { secretNames } from "../domain/param_schema.ts";
import {
  isSealed,
  mapSealed,
  REDACTED,
  seal,
  SealBroken,
  unseal,
} from "../domain/seal.ts";
import { ApiError } from "./errors.ts";

/** `parameters` with every value that the schema declares secret sealed. Throws 400 when there is no key to do it with. */
export function sealParameters(
  parameters: JsonObject,
  schema: JsonObject | null,
  encryptionKey: string | null,
): JsonObject {
  const names = new Set(secretNames(schema));
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => {
      if (!names.has(name) || value === null) return [name, value];
      if (encryptionKey === null) {
        throw new ApiError(
          "BAD_REQUEST",
          `Cannot store parameter "${name}", which is secret, as the server has no encryption key: set ATTUNE__SECURITY__ENCRYPTION_KEY to at least 32 characters and restart it`,
        );
      }
      return [name, seal(value, encryptionKey)];
    }),
  );
}

/**
 * `result` of an execution whose `data` has its secret fields sealed, and no
 * verbatim output beside them. Without a key a secret is not kept at all.
 */
export function sealResult<T extends { data?: Json; stdout?: string }>(
  result: T,
  outSchema: JsonObject | null,
  encryptionKey: string | null,
): T {
  const names = secretNames(outSchema);
  if (names.length === 0) return result;
  const { stdout: _verbatim, ...kept } = result;
  if (!isObject(kept.data)) return kept as T;
  const data = { ...kept.data } as JsonObject;
  for (const name of names) {
    const value = data[name];
    if (value === undefined || value === null || isSealed(value)) continue;
    data[name] = encryptionKey === null ? REDACTED : seal(value, encryptionKey);
  }
  return { ...kept, data } as T;
}

/** What those see who may not decrypt. */
export function redact<T extends Json>(value: T): T {
  return mapSealed(value, () => REDACTED) as T;
}

/** Secrets in clear. Throws when they were sealed with another key. */
export function reveal<T extends Json>(
  value: T,
  encryptionKey: string | null,
): T {
  return mapSealed(value, (sealed) => {
    try {
      if (encryptionKey !== null) return unseal(sealed, encryptionKey);
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
    }
    throw new ApiError(
      "INTERNAL_SERVER_ERROR",
      "Cannot open the stored secrets as the server's encryption key is not the one they were stored with: set ATTUNE__SECURITY__ENCRYPTION_KEY to that one",
    );
  }) as T;
}

/** True when a part of `value` is the stand-in of a secret rather than a value of its own. */
export function holdsStandIn(value: Json): boolean {
  if (Array.isArray(value)) return value.some(holdsStandIn);
  return isObject(value) &&
    (value.$attune_secret === true ||
      Object.values(value as JsonObject).some(holdsStandIn));
}
