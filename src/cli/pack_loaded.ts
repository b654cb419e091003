import { faultLine } from "./refusal.ts";
import { colorsFor, err, out } from "./terminal.ts";
import type { PackSummary } from "./wire.ts";

/** Where an answer may have the warnings. */
export interface LoadedAnswer {
  warnings?: unknown[];
  report?: { warnings?: unknown[] };
}

/** What was loaded, and the warnings of its files. */
export async function sayLoaded(
  pack: PackSummary & LoadedAnswer,
  answer: LoadedAnswer = pack,
): Promise<void> {
  const warnings = answer.warnings ?? answer.report?.warnings ?? [];
  const colors = colorsFor(Deno.stderr);
  for (const warning of warnings) {
    // deno-lint-ignore no-await-in-loop -- lines in order
    await err(`${colors.yellow("warning")}: ${faultLine(warning)}\n`);
  }
  await out(`pack ${pack.ref} ${pack.version} loaded\n`);
}
