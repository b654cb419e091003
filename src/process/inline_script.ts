import type { JsonObject } from "../domain/json.ts";
import { InvalidParameters } from "./invalid_parameters.ts";
import { scalarText } from "./scalar_text.ts";
import { shellQuote } from "./shell_quote.ts";

/** Variables that sh, dash, ksh or bash give a meaning: assigning them is refused or breaks the script. */
const RESERVED = new Set(
  ("_ CDPATH DIRSTACK EGID ENV EPOCHREALTIME EPOCHSECONDS EUID FIGNORE FUNCNAME GID " +
    "GLOBIGNORE GROUPS HISTCMD HOME IFS LANG LINENO MAIL MAILCHECK MAILPATH OLDPWD " +
    "OPTARG OPTERR OPTIND PATH PIPESTATUS POSIXLY_CORRECT PPID PS1 PS2 PS3 PS4 PWD " +
    "RANDOM SECONDS SHELLOPTS SHLVL SRANDOM UID").split(" "),
);
const RESERVED_PREFIX = /^(?:BASH|COMP_|LC_)/;

/**
 * The script of an inline shell action (packs.md 3.7): `set -e`, every
 * parameter as `PARAM_<IDENT>` and, where that harms nothing, `<ident>`, not
 * exported, then the source. Plain POSIX sh. Throws {@linkcode InvalidParameters}.
 */
export function inlineScript(
  source: string,
  parameters: JsonObject,
  environment: Record<string, string>,
): string {
  const lines = ["set -e"];
  const from = new Map<string, string>();
  for (const [name, value] of Object.entries(parameters)) {
    const ident = shellIdent(name);
    const text = scalarText(value);
    if (text.includes("\0")) {
      throw new InvalidParameters(
        `Cannot hand parameter "${name}" to a shell script: its value has a NUL`,
      );
    }
    for (const variable of [`PARAM_${ident.toUpperCase()}`, ident]) {
      const plain = variable === ident;
      if (plain && !mayAssign(ident, environment)) continue;
      const other = from.get(variable);
      if (other !== undefined && other !== name) {
        throw new InvalidParameters(
          `Cannot hand the parameters to a shell script: "${other}" and "${name}" would both be ${variable}. Rename one`,
        );
      }
      from.set(variable, name);
      lines.push(`${variable}=${shellQuote(text)}`);
    }
  }
  return `${lines.join("\n")}\n${source}${source.endsWith("\n") ? "" : "\n"}`;
}

/** A parameter name as a shell variable: other characters, and a leading digit, become `_`. */
export function shellIdent(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/gu, "_").replace(/^[0-9]/, "_");
}

function mayAssign(ident: string, environment: Record<string, string>) {
  return ident !== "" && !Object.hasOwn(environment, ident) &&
    !RESERVED.has(ident) && !RESERVED_PREFIX.test(ident);
}
