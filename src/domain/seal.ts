import { Buffer } from "node:buffer";
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  randomBytes,
} from "node:crypto";
import { isObject, type Json, type JsonObject } from "./json.ts";

/** What a secret looks like to those who may not see it. */
export const REDACTED: JsonObject = { $attune_secret: true, redacted: true };

/** Why a sealed value cannot be opened: wrong key, or the bytes were changed. */
export class SealBroken extends Error {
  override name = "SealBroken";
}

/** A secret at rest: AES-256-GCM under the server's encryption key, bound to nothing else. */
export function seal(value: Json, encryptionKey: string): JsonObject {
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", keyOf(encryptionKey), iv);
  const text = Buffer.concat([
    cipher.update(JSON.stringify(value), "utf8"),
    cipher.final(),
  ]);
  const sealed = Buffer.concat([iv, cipher.getAuthTag(), text]);
  return { $attune_secret: true, sealed: sealed.toString("base64") };
}

/** True for what `seal` makes. */
export function isSealed(value: unknown): value is { sealed: string } {
  return isObject(value) && value.$attune_secret === true &&
    typeof value.sealed === "string";
}

/** The value inside. Throws {@linkcode SealBroken}. */
export function unseal(
  sealed: { sealed: string },
  encryptionKey: string,
): Json {
  try {
    const bytes = Buffer.from(sealed.sealed, "base64");
    const decipher = createDecipheriv(
      "aes-256-gcm",
      keyOf(encryptionKey),
      bytes.subarray(0, 12),
    );
    decipher.setAuthTag(bytes.subarray(12, 28));
    const text = Buffer.concat([
      decipher.update(bytes.subarray(28)),
      decipher.final(),
    ]);
    return JSON.parse(text.toString("utf8"));
  } catch (cause) {
    throw new SealBroken("The sealed value does not open with this key", {
      cause,
    });
  }
}

/** `value` with every sealed part replaced by `replace` of it, at any depth. */
export function mapSealed(
  value: Json,
  replace: (sealed: { sealed: string }) => Json,
): Json {
  if (isSealed(value)) return replace(value);
  if (Array.isArray(value)) return value.map((v) => mapSealed(v, replace));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([k, v]) => [k, mapSealed(v as Json, replace)]),
  );
}

function keyOf(encryptionKey: string): Uint8Array {
  return createHash("sha256").update(encryptionKey).digest();
}
