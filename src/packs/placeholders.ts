import { isObject, type Json, type JsonObject } from "../domain/json.ts";

/** True for text that is filled in later: it has `{{` and, after it, `}}`. */
export function isTemplate(value: unknown): boolean {
  if (typeof value !== "string") return false;
  const open = value.indexOf("{{");
  return open >= 0 && value.includes("}}", open + 2);
}

/** `value` with every template replaced by a value its JSON Schema is likely to accept. */
export function withPlaceholders(value: Json, schema: unknown): Json {
  const here = isObject(schema) ? schema : {};
  if (isTemplate(value)) return placeholder(here);
  if (Array.isArray(value)) {
    return value.map((item, index) =>
      withPlaceholders(item, itemSchema(here, index))
    );
  }
  if (!isObject(value)) return value;
  const properties = isObject(here.properties) ? here.properties : {};
  return Object.fromEntries(
    Object.entries(value as JsonObject).map(([key, inner]) => [
      key,
      withPlaceholders(
        inner,
        Object.hasOwn(properties, key)
          ? properties[key]
          : here.additionalProperties,
      ),
    ]),
  );
}

function itemSchema(schema: Record<string, unknown>, index: number): unknown {
  return Array.isArray(schema.items) ? schema.items[index] : schema.items;
}

function placeholder(schema: Record<string, unknown>): Json {
  if (schema.default !== undefined) return schema.default as Json;
  if (schema.const !== undefined) return schema.const as Json;
  if (Array.isArray(schema.enum) && schema.enum.length > 0) {
    return schema.enum[0] as Json;
  }
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case "integer":
    case "number":
      return typeof schema.minimum === "number" ? schema.minimum : 0;
    case "boolean":
      return true;
    case "array":
      return [];
    case "object":
      return {};
    case "string":
      return "text";
  }
  const [variant] = [schema.anyOf, schema.oneOf].find(Array.isArray) ?? [];
  return isObject(variant) ? placeholder(variant) : "text";
}
