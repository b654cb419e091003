import { isObject, type Json, type JsonObject } from "../domain/json.ts";
import { toJsonSchema } from "../domain/param_schema.ts";
import { compile, errorText, pointerParts } from "./json_schema.ts";
import { isTemplate, withPlaceholders } from "./placeholders.ts";

/** A value that does not fit; `at` is a JSON pointer, "" for the whole. */
export interface ParameterFault {
  at: string;
  message: string;
}

/**
 * Every way in which `values` break a parameter schema (flat or JSON Schema;
 * null or empty accepts anything). A string with a `{{ }}` template is a valid
 * value of whatever type; a default does not stand in for a required value.
 */
export function checkParameters(
  schema: JsonObject | null,
  values: JsonObject,
): ParameterFault[] {
  if (schema === null || Object.keys(schema).length === 0) return [];
  const jsonSchema = toJsonSchema(schema);
  return faultsOf(jsonSchema, withPlaceholders(values, jsonSchema))
    .filter((fault) => !isTemplate(valueAt(values, fault.at)));
}

/** The first way in which an action's output breaks its schema, or null. */
export function checkOutput(
  schema: JsonObject | null,
  data: Json,
): { message: string; at: string } | null {
  if (schema === null || Object.keys(schema).length === 0) return null;
  return faultsOf(toJsonSchema(schema), data)[0] ?? null;
}

function faultsOf(schema: JsonObject, value: Json): ParameterFault[] {
  let validate;
  try {
    validate = compile(schema);
  } catch (error) {
    const message = `the schema cannot be used: ${(error as Error).message}`;
    return [{ at: "", message }];
  }
  if (validate(value) === true) return [];
  return (validate.errors ?? []).map((error) => ({
    at: error.instancePath,
    message: errorText(error),
  }));
}

function valueAt(root: Json, pointer: string): unknown {
  return pointerParts(pointer).reduce<unknown>(
    (value, part) =>
      isObject(value) || Array.isArray(value)
        ? (value as Record<string, unknown>)[part]
        : undefined,
    root,
  );
}
