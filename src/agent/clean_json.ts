import type { Json } from "../domain/json.ts";

const ESCAPED = /\\u0000|\\u[dD][89a-fA-F]/;

/**
 * `value` as PostgreSQL can keep it: NUL and lone surrogates in texts and keys
 * become U+FFFD. The same object when there is nothing to change.
 */
export function cleanJson<T extends object>(value: T): T {
  const text = JSON.stringify(value);
  return ESCAPED.test(text) ? clean(JSON.parse(text) as Json) as T : value;
}

function clean(value: Json): Json {
  if (typeof value === "string") return cleanText(value);
  if (Array.isArray(value)) return value.map(clean);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [cleanText(key), clean(inner)]),
  );
}

function cleanText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}
