import type { ErrorObject } from "ajv";
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
  const errors = errorsOf(jsonSchema, withPlaceholders(values, jsonSchema));
  return withoutTemplates(errors, values).map(toFault);
}

/** The first way in which an action's output breaks its schema, or null. */
export function checkOutput(
  schema: JsonObject | null,
  data: Json,
): { message: string; at: string } | null {
  if (schema === null || Object.keys(schema).length === 0) return null;
  const [first] = errorsOf(toJsonSchema(schema), data);
  return first === undefined ? null : toFault(first);
}

type Fault = Pick<
  ErrorObject,
  "instancePath" | "schemaPath" | "keyword" | "message" | "params"
>;

function errorsOf(schema: JsonObject, value: Json): Fault[] {
  let validate;
  try {
    validate = compile(schema);
  } catch (error) {
    const message = `the schema cannot be used: ${(error as Error).message}`;
    const nowhere = { instancePath: "", schemaPath: "", keyword: "" };
    return [{ ...nowhere, params: {}, message }];
  }
  return validate(value) === true ? [] : validate.errors ?? [];
}

/**
 * The faults that no template explains. A choice between schemas cannot be
 * judged while a part of the value is still a template.
 */
function withoutTemplates(errors: Fault[], values: JsonObject): Fault[] {
  const open = errors.filter(({ keyword, instancePath }) =>
    ["anyOf", "oneOf", "not", "if"].includes(keyword) &&
    hasTemplate(valueAt(values, instancePath))
  );
  return errors.filter((error) =>
    !isTemplate(valueAt(values, error.instancePath)) &&
    !open.some((choice) =>
      error === choice || error.schemaPath.startsWith(`${choice.schemaPath}/`)
    )
  );
}

function hasTemplate(value: unknown): boolean {
  return typeof value === "object" && value !== null
    ? Object.values(value).some(hasTemplate)
    : isTemplate(value);
}

function toFault(error: Fault): ParameterFault {
  return { at: error.instancePath, message: errorText(error) };
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
