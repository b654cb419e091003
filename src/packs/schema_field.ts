import { isObject, type Json, type JsonObject } from "../domain/json.ts";
import { toJsonSchema } from "../domain/param_schema.ts";
import { mustBe, type Reader } from "./fields.ts";
import { schemaFaults } from "./json_schema.ts";
import type { Place } from "./place.ts";
import { bool, number, oneOf, text } from "./scalars.ts";

const TYPES = [
  "string",
  "integer",
  "number",
  "boolean",
  "array",
  "object",
] as const;

const ATTRIBUTES: Record<string, Reader<unknown>> = {
  type: (value, at) => Array.isArray(value) ? value : oneOf(TYPES)(value, at),
  required: (value, at) =>
    typeof value === "boolean" ? value : at.error(
      mustBe("true or false on the parameter itself", value),
    ),
  secret: bool,
  position: number({ integer: true }),
  description: text,
};

/**
 * A parameter schema (packs.md 1.6): a flat map from name to attributes, or a
 * JSON Schema with `type: object` and `properties`.
 */
export const schema: Reader<JsonObject> = (value, at) => {
  if (!isObject(value)) {
    return at.error(mustBe("a mapping of parameter names", value));
  }
  const isJsonSchema = value.type === "object" && isObject(value.properties);
  const read = isJsonSchema ? value as JsonObject : flat(value, at);
  if (read === undefined) return;
  const faults = schemaFaults(toJsonSchema(read));
  for (const { path, message } of faults) {
    placeOf(at, isJsonSchema ? path : path.slice(1)).error(message);
  }
  return faults.length === 0 ? read : undefined;
};

function flat(
  value: Record<string, unknown>,
  at: Place,
): JsonObject | undefined {
  let whole = true;
  const read = Object.entries(value).map(([name, attributes]) => {
    const place = at.at(name);
    // `site:` with nothing after it declares a parameter of any type.
    if (attributes === null) return [name, {}] as const;
    if (!isObject(attributes)) {
      whole = false;
      place.error(
        mustBe("a mapping of attributes, like {type: string}", attributes),
      );
      return [name, {}] as const;
    }
    const given = Object.entries(attributes).filter(([, inner]) =>
      inner !== null
    );
    for (const [key, inner] of given) {
      const check = Object.hasOwn(ATTRIBUTES, key)
        ? ATTRIBUTES[key]
        : undefined;
      if (check !== undefined && check(inner, place.at(key)) === undefined) {
        whole = false;
      }
    }
    return [name, Object.fromEntries(given) as Json] as const;
  });
  return whole ? Object.fromEntries(read) : undefined;
}

/** The place a JSON Schema path leads to, as far as it exists. */
function placeOf(at: Place, path: readonly string[]): Place {
  return path.reduce((place, part) => {
    return place.at(/^\d+$/.test(part) ? Number(part) : part);
  }, at);
}
