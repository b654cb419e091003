import { Buffer } from "node:buffer";
import { stringify } from "yaml";
import { isObject, type Json, type JsonObject } from "../domain/json.ts";
import { InvalidParameters } from "./invalid_parameters.ts";
import { scalarText } from "./scalar_text.ts";
import { shellQuote } from "./shell_quote.ts";

/**
 * All parameters as one document that ends in exactly one newline (packs.md
 * 3.5). Throws {@linkcode InvalidParameters} for what dotenv cannot say.
 */
export function parameterDocument(
  parameters: JsonObject,
  format: "json" | "yaml" | "dotenv",
): string {
  switch (format) {
    case "json":
      return JSON.stringify(parameters) + "\n";
    case "yaml":
      return yamlDocument(parameters);
    case "dotenv":
      return dotenvDocument(parameters);
  }
}

function yamlDocument(parameters: JsonObject): string {
  return stringify(parameters, {
    aliasDuplicateObjects: false,
    // Older readers take `yes` and `12:30` for other types: those are quoted too.
    compat: "yaml-1.1",
    lineWidth: 0,
  });
}

function dotenvDocument(parameters: JsonObject): string {
  const entries = [...leaves(parameters, "")];
  const seen = new Set<string>();
  for (const [key] of entries) {
    if (seen.has(key)) {
      throw new InvalidParameters(
        `Cannot write the parameters as dotenv: two of them flatten to "${key}". Rename one, or use parameter_format json`,
      );
    }
    seen.add(key);
  }
  const lines = entries
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([key, value]) => `${key}=${shellQuote(value)}\n`);
  return lines.join("") || "\n";
}

// deno-lint-ignore no-control-regex -- these are what a key may not have
const BAD_KEY = /[=\\'"`\s\u0000-\u001f\u007f-\u009f]/;

function* leaves(
  object: Record<string, unknown>,
  prefix: string,
): Generator<[string, string]> {
  for (const [name, value] of Object.entries(object)) {
    const key = prefix + name;
    if (isObject(value)) {
      yield* leaves(value, `${key}.`);
      continue;
    }
    if (key === "" || BAD_KEY.test(key)) {
      throw new InvalidParameters(
        `Cannot write the parameters as dotenv: the key ${
          JSON.stringify(key)
        } has "=", a quote, a backslash, white space or a control character, or is empty. Use parameter_format json or yaml`,
      );
    }
    yield [key, scalarText(value as Json)];
  }
}
