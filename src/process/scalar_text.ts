import type { Json } from "../domain/json.ts";

/** A value as one text: strings verbatim, null empty, everything else compact JSON. */
export function scalarText(value: Json): string {
  if (typeof value === "string") return value;
  return value === null ? "" : JSON.stringify(value);
}
