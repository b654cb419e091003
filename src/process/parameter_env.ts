import { Buffer } from "node:buffer";
import type { JsonObject } from "../domain/json.ts";
import { InvalidParameters } from "./invalid_parameters.ts";
import { scalarText } from "./scalar_text.ts";

/** The kernel refuses a longer `NAME=value`. */
const VARIABLE_MAX_BYTES = 128 * 1024;

export interface EnvDelivery {
  /** `ATTUNE_ACTION_<NAME>` of every parameter that is not secret. */
  env: Record<string, string>;
  /** The secrets as one line of JSON; empty when there are none. */
  stdin: string;
}

/** Parameters for `parameter_delivery: env` (packs.md 3.4). Throws {@linkcode InvalidParameters}. */
export function parameterEnv(
  parameters: JsonObject,
  secretNames: readonly string[],
): EnvDelivery {
  const secret = new Set(secretNames);
  const secrets: JsonObject = {};
  const env: Record<string, string> = {};
  const from = new Map<string, string>();
  for (const [name, value] of Object.entries(parameters)) {
    if (secret.has(name)) {
      secrets[name] = value;
      continue;
    }
    const variable = `ATTUNE_ACTION_${envName(name)}`;
    const other = from.get(variable);
    if (other !== undefined) {
      throw refused(`"${other}" and "${name}" would both be ${variable}`);
    }
    from.set(variable, name);
    env[variable] = checked(variable, scalarText(value));
  }
  const stdin = Object.keys(secrets).length > 0
    ? JSON.stringify(secrets) + "\n"
    : "";
  return { env, stdin };
}

/** `my-key` as it stands in a variable name: `MY_KEY`. */
export function envName(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9_]/gu, "_");
}

function checked(variable: string, text: string): string {
  if (text.includes("\0")) throw refused(`the value of ${variable} has a NUL`);
  const bytes = Buffer.byteLength(variable) + Buffer.byteLength(text) + 2;
  if (bytes > VARIABLE_MAX_BYTES) {
    throw refused(
      `${variable} takes ${bytes} bytes, at most ${VARIABLE_MAX_BYTES} are possible`,
    );
  }
  return text;
}

function refused(why: string): InvalidParameters {
  return new InvalidParameters(
    `Cannot deliver the parameters in the environment: ${why}. Use parameter_delivery stdin or file`,
  );
}
