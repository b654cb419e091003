import { didYouMean } from "../domain/did_you_mean.ts";
import { isObject, type Json, type JsonObject } from "../domain/json.ts";
import { toJsonSchema } from "../domain/param_schema.ts";
import { usageError } from "./exit.ts";

export interface ParsedParameters {
  values: JsonObject;
  /** Names the action does not know. */
  warnings: string[];
}

/**
 * `key=value` by the type the action declares, `key:=json` as it stands. A key
 * that the schema does not have is text. Throws a usage error.
 */
export function parseParameters(
  args: readonly string[],
  schema: JsonObject | null,
): ParsedParameters {
  const known = propertiesOf(schema);
  const values: JsonObject = {};
  for (const arg of args) {
    const { key, text, raw } = split(arg);
    if (Object.hasOwn(values, key)) {
      throw usageError(`Parameter "${key}" is given twice`);
    }
    values[key] = raw ? fromJson(key, text) : typed(key, text, known[key]);
  }
  return { values, warnings: unknownNames(values, known) };
}

/** A warning for each name in `values` that the schema does not have. */
export function unknownParameters(
  values: JsonObject,
  schema: JsonObject | null,
): string[] {
  return unknownNames(values, propertiesOf(schema));
}

function unknownNames(
  values: JsonObject,
  known: Record<string, unknown>,
): string[] {
  const names = Object.keys(known);
  if (names.length === 0) return [];
  return Object.keys(values).filter((key) => !Object.hasOwn(known, key))
    .map((key) => {
      const near = didYouMean(key, names);
      return `the action has no parameter "${key}"` +
        (near === undefined
          ? ` (it has ${names.join(", ")})`
          : `; did you mean "${near}"?`);
    });
}

function propertiesOf(schema: JsonObject | null): Record<string, unknown> {
  if (schema === null) return {};
  const { properties } = toJsonSchema(schema);
  return isObject(properties) ? properties : {};
}

function split(arg: string): { key: string; text: string; raw: boolean } {
  const equals = arg.indexOf("=");
  const raw = equals > 0 && arg[equals - 1] === ":";
  const key = arg.slice(0, raw ? equals - 1 : Math.max(equals, 0));
  if (key === "") {
    throw usageError(
      `Cannot read "${arg}" as a parameter: write key=value, or key:=json`,
    );
  }
  return { key, text: arg.slice(equals + 1), raw };
}

function typed(key: string, text: string, attributes: unknown): Json {
  const type = isObject(attributes) ? attributes.type : undefined;
  switch (type) {
    case "integer":
      if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
        throw mismatch(key, "an integer", text);
      }
      return Number(text);
    case "number":
      if (text.trim() === "" || !Number.isFinite(Number(text))) {
        throw mismatch(key, "a number", text);
      }
      return Number(text);
    case "boolean":
      if (["true", "yes", "1"].includes(text)) return true;
      if (["false", "no", "0"].includes(text)) return false;
      throw mismatch(key, "true or false", text);
    case "array":
      return shaped(key, text, Array.isArray, `a JSON array, like '["a"]'`);
    case "object":
      return shaped(key, text, isObject, `a JSON object, like '{"a":1}'`);
    case "null":
      return null;
    default:
      return text;
  }
}

function shaped(
  key: string,
  text: string,
  fits: (value: unknown) => boolean,
  rule: string,
): Json {
  try {
    const value = JSON.parse(text);
    if (fits(value)) return value;
  } catch {
    // Said below, like a value of another shape.
  }
  throw mismatch(key, rule, text);
}

function fromJson(key: string, text: string): Json {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usageError(
      `Parameter "${key}" is not JSON: ${(error as Error).message}`,
    );
  }
}

function mismatch(key: string, rule: string, text: string) {
  return usageError(
    `Parameter "${key}" must be ${rule}: current value is ${
      JSON.stringify(text)
    }`,
  );
}
