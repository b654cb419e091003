import type { EntryPoint } from "./entry_point.ts";
import type { Place } from "./place.ts";

const LONGEST = 1024 * 1024;
const WRAPPED = new Set(["python", "node", "deno"]);

// Every closing is optional at the end, so that no unclosed quote makes the search quadratic.
const PYTHON =
  /"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\[^]|[^"\\\n])*"?|'(?:\\[^]|[^'\\\n])*'?|#[^\n]*/g;
const JAVASCRIPT =
  /`(?:\\[^]|[^`\\])*`?|"(?:\\[^]|[^"\\\n])*"?|'(?:\\[^]|[^'\\\n])*'?|\/\/[^\n]*|\/\*[^]*?(?:\*\/|$)/g;

export interface ModeChoice {
  /** `mode` as written, or null. */
  written: "poll" | "daemon" | "builtin" | null;
  pollInterval: number | null;
  runtime: string;
  entry: EntryPoint;
}

/** Poll or daemon (packs.md 6.2). */
export async function sensorMode(
  choice: ModeChoice,
  at: Place,
): Promise<"poll" | "daemon" | "builtin"> {
  const { written, pollInterval, runtime, entry } = choice;
  if (written !== null) return written;
  const mentioned = WRAPPED.has(runtime) && entry.file !== undefined
    ? mentionsPollSensor(await head(entry.file.path), runtime)
    : undefined;
  if (pollInterval === null) return mentioned === true ? "poll" : "daemon";
  if (mentioned !== false) return "poll";
  at.at("poll_interval").warn(
    `has no effect: ${entry.written} never mentions poll_sensor, so the sensor is loaded as a daemon`,
  );
  return "daemon";
}

/** True when the word `poll_sensor` is in the code outside comments. */
export function mentionsPollSensor(code: string, runtime: string): boolean {
  const bare = code.replace(
    runtime === "python" ? PYTHON : JAVASCRIPT,
    (part) => /^(?:#|\/\/|\/\*)/.test(part) ? " " : part,
  );
  return /(?<![\w$])poll_sensor(?![\w$])/.test(bare);
}

async function head(path: string): Promise<string> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(LONGEST);
  let size = 0;
  while (size < LONGEST) {
    // deno-lint-ignore no-await-in-loop -- the next read begins where this one ended
    const read = await file.read(bytes.subarray(size));
    if (read === null) break;
    size += read;
  }
  return new TextDecoder().decode(bytes.subarray(0, size));
}
