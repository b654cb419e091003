import { isObject, type Json, type JsonObject } from "./json.ts";

/**
 * Parameter schemas in the flat style of packs.md 1.6: a map from name to
 * attributes, with `required: true` and `secret: true` on the parameter itself.
 */
export function toJsonSchema(flat: JsonObject): JsonObject {
  if (flat.type === "object" && isObject(flat.properties)) return flat;
  const properties: JsonObject = {};
  const required: string[] = [];
  for (const [name, attributes] of Object.entries(flat)) {
    if (!isObject(attributes)) continue;
    const { required: must, secret: _s, position: _p, ...rest } = attributes;
    properties[name] = rest as JsonObject;
    if (must === true) required.push(name);
  }
  return { type: "object", properties, required };
}

/** The attributes of each first-level parameter, whichever style the schema has. */
function attributesOf(schema: JsonObject): Record<string, unknown> {
  return schema.type === "object" && isObject(schema.properties)
    ? schema.properties
    : schema;
}

/** Names of parameters declared `secret: true`. */
export function secretNames(schema: JsonObject | null): string[] {
  if (schema === null) return [];
  return Object.entries(attributesOf(schema))
    .filter(([, a]) => isObject(a) && a.secret === true)
    .map(([name]) => name);
}

/** `values` with the schema's defaults in place of what is absent or null. */
export function withDefaults(
  values: JsonObject,
  schema: JsonObject | null,
): JsonObject {
  if (schema === null) return values;
  const filled = { ...values };
  for (const [name, attributes] of Object.entries(attributesOf(schema))) {
    if (!isObject(attributes) || attributes.default === undefined) continue;
    if (filled[name] === undefined || filled[name] === null) {
      filled[name] = attributes.default as Json;
    }
  }
  return filled;
}
