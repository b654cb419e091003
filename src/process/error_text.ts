import { isObject } from "../domain/json.ts";

/** More of stderr than this is not an error message but a log. */
const SHORT_LINES = 5;

/** What `error` says after an exit code that is not 0 (packs.md 3.10). */
export function errorText(
  { code, stdout, stderr, format }: {
    code: number;
    stdout: string;
    /** At least its end. */
    stderr: string;
    format: "text" | "json" | "yaml" | "jsonl";
  },
): string {
  const said = stderr.trim();
  if (said !== "") {
    const lines = said.split("\n");
    return lines.length <= SHORT_LINES ? said : lines.at(-1)!.trim();
  }
  if (format !== "text") {
    const printed = errorField(stdout);
    if (printed !== undefined) return printed;
  }
  return `Command exited with code ${code}`;
}

/** The string `error` of an object on the last line. */
function errorField(stdout: string): string | undefined {
  try {
    const last = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
    return isObject(last) && typeof last.error === "string"
      ? last.error
      : undefined;
  } catch {
    return undefined;
  }
}
