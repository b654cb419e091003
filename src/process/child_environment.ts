import type { JsonObject } from "../domain/json.ts";
import { isObject, type Json } from "../domain/json.ts";
import type { EnvVar } from "../domain/runtime.ts";
import { envName } from "./parameter_env.ts";
import { scalarText } from "./scalar_text.ts";

export const DEFAULT_PATH =
  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface ChildEnvironment {
  /** The agent's own environment; read by name only. */
  agent: Readonly<Record<string, string | undefined>>;
  /** Names of the agent's variables that may pass. */
  passthrough: readonly string[];
  /** `bin` of the runtime environment, first in PATH. */
  envBin?: string | undefined;
  workDir: string;
  /** `execution_config.env_vars`. */
  runtime: Record<string, EnvVar>;
  /** Values of `{pack_dir}` and the like; a variable that mentions an absent one is left out. */
  templates: Readonly<Record<string, string | undefined>>;
  /** The execution's own variables. */
  execution: Record<string, string>;
  /** `ATTUNE_*`; nobody else sets these. Undefined ones are left out. */
  attune: Record<string, string | undefined>;
  /** For `ATTUNE_CONTEXT_*`: the non-secret parameter `context`. */
  context?: Json | undefined;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The whole environment of an action, built from nothing (packs.md 3.6). */
export function childEnvironment(
  given: ChildEnvironment,
): Record<string, string> {
  const { agent, workDir } = given;
  const path = agent.PATH || DEFAULT_PATH;
  const env: Record<string, string> = {
    PATH: given.envBin === undefined ? path : `${given.envBin}:${path}`,
    HOME: `${workDir}/home`,
    TMPDIR: `${workDir}/tmp`,
    LANG: agent.LANG || "C.UTF-8",
  };
  if (agent.TZ) env.TZ = agent.TZ;
  for (const name of given.passthrough) {
    const value = agent[name];
    if (value !== undefined && isFree(name)) env[name] = value;
  }
  for (const [name, variable] of Object.entries(given.runtime)) {
    if (!isFree(name)) continue;
    const value = runtimeValue(env[name], variable, given.templates);
    if (value !== undefined) env[name] = value;
  }
  for (const [name, value] of Object.entries(given.execution)) {
    if (isFree(name)) env[name] = value;
  }
  if (isObject(given.context)) {
    Object.assign(env, contextVariables(given.context as JsonObject));
  }
  for (const [name, value] of Object.entries(given.attune)) {
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** True for a name that others than Attune may set. */
function isFree(name: string): boolean {
  return NAME.test(name) && !name.startsWith("ATTUNE_");
}

function contextVariables(context: JsonObject): Record<string, string> {
  return Object.fromEntries(
    Object.entries(context).map((
      [key, value],
    ) => [`ATTUNE_CONTEXT_${envName(key)}`, scalarText(value)]),
  );
}

function runtimeValue(
  soFar: string | undefined,
  variable: EnvVar,
  templates: ChildEnvironment["templates"],
): string | undefined {
  const given = typeof variable === "string" ? { value: variable } : variable;
  const value = fillTemplate(given.value, templates);
  if (value === undefined) return undefined;
  const { operation = "set", separator = ":" } = given;
  if (operation === "set" || soFar === undefined || soFar === "") return value;
  return operation === "prepend"
    ? value + separator + soFar
    : soFar + separator + value;
}

const TEMPLATE =
  /\{(pack_dir|env_dir|interpreter|manifest_path|lock_path|action_file|work_dir|artifacts_dir|state_dir)\}/g;

/** `text` with `{pack_dir}` and its kin replaced; undefined when one of them has no value. Other braces stay. */
export function fillTemplate(
  text: string,
  values: Readonly<Record<string, string | undefined>>,
): string | undefined {
  let missing = false;
  const filled = text.replace(TEMPLATE, (_, name: string) => {
    const value = values[name];
    if (value === undefined) missing = true;
    return value ?? "";
  });
  return missing ? undefined : filled;
}
