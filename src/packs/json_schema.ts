import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import type { JsonObject } from "../domain/json.ts";

/** Compiled schemas kept at once; a process meets few more than it has actions. */
const KEPT = 500;

const ajv = new Ajv({
  allErrors: true,
  strict: false,
  logger: false,
  // A schema with an `$id` is not remembered, so two packs may use one.
  addUsedSchema: false,
});
// deno-lint-ignore no-explicit-any -- CommonJS default export without types of its own
(addFormats as any)(ajv);

/** Characters of a schema; compiling takes far longer than reading it. */
const LARGEST = 128 * 1024;

/** By canonical text, oldest first. */
const compiled = new Map<string, ValidateFunction>();

/** Where and why a document is not a JSON Schema. */
export interface SchemaFault {
  path: string[];
  message: string;
}

/** Every fault of a JSON Schema; empty when it can be used. */
export function schemaFaults(schema: JsonObject): SchemaFault[] {
  const { length } = JSON.stringify(schema);
  if (length > LARGEST) {
    const message =
      `has ${length} characters as JSON; at most ${LARGEST} are read`;
    return [{ path: [], message }];
  }
  const body = plainSchema(schema);
  const faults = patternFaults(body, []);
  if (ajv.validateSchema(body) !== true) {
    const others = (ajv.errors ?? []).map((error) => ({
      path: pointerParts(error.instancePath),
      message: error.message ?? "is not valid",
    }));
    return [...faults, ...others].slice(0, 20);
  }
  if (faults.length > 0) return faults.slice(0, 20);
  try {
    compile(schema);
    return [];
  } catch (error) {
    const message = `is not a usable schema: ${(error as Error).message}`;
    return [{ path: [], message }];
  }
}

/** A validator for a JSON Schema; kept for the next time. Throws when the schema cannot be used. */
export function compile(schema: JsonObject): ValidateFunction {
  const key = JSON.stringify(schema);
  const kept = compiled.get(key);
  if (kept !== undefined) {
    compiled.delete(key);
    compiled.set(key, kept);
    return kept;
  }
  const validate = ajv.compile(plainSchema(schema));
  compiled.set(key, validate);
  for (const oldest of compiled.keys()) {
    if (compiled.size <= KEPT) break;
    ajv.removeSchema(compiled.get(oldest)!.schema as JsonObject);
    compiled.delete(oldest);
  }
  return validate;
}

/** Patterns that are no regular expressions, which the validator would tell only for the whole. */
function patternFaults(schema: unknown, path: string[]): SchemaFault[] {
  if (typeof schema !== "object" || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) => {
    if (["default", "const", "enum", "examples"].includes(key)) return [];
    const here = [...path, key];
    if (key !== "pattern" || typeof value !== "string") {
      return patternFaults(value, here);
    }
    try {
      new RegExp(value, "u");
      return [];
    } catch (error) {
      const message = `is not a regular expression: ${
        (error as Error).message
      }`;
      return [{ path: here, message }];
    }
  });
}

/** Without the keys that would choose another dialect, or make the validator asynchronous. */
function plainSchema(schema: JsonObject): JsonObject {
  const { $schema: _dialect, $async: _async, ...body } = schema;
  return body;
}

/** What the fault is, with the allowed values where they matter. */
export function errorText(
  error: Pick<ErrorObject, "message" | "params" | "keyword">,
): string {
  const { message = "is not valid", params, keyword } = error;
  if (keyword === "enum") {
    return `${message}: ${JSON.stringify(params.allowedValues)}`;
  }
  if (keyword === "const") {
    return `${message}: ${JSON.stringify(params.allowedValue)}`;
  }
  return message;
}

/** The parts of a JSON pointer. */
export function pointerParts(pointer: string): string[] {
  return pointer.split("/").slice(1).map((part) =>
    part.replaceAll("~1", "/").replaceAll("~0", "~")
  );
}
