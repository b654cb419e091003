import { extname } from "node:path";
import { didYouMean } from "../domain/did_you_mean.ts";
import { resolveRuntime } from "../domain/resolve_runtime.ts";
import { SHIPPED_RUNTIMES, shippedRuntime } from "../domain/runtime_name.ts";
import type { EntryPoint } from "./entry_point.ts";
import type { KnownRuntime } from "./known.ts";
import type { Place } from "./place.ts";
import { shown } from "./report.ts";

/** Extensions of the shipped runtimes (packs.md 4.6). */
const SHIPPED_EXTENSIONS: Readonly<Record<string, string>> = {
  ".sh": "shell",
  ".py": "python",
  ".js": "node",
  ".mjs": "node",
  ".cjs": "node",
  ".ts": "deno",
  ".wasm": "wasm",
  ".rb": "ruby",
  ".go": "go",
  ".java": "java",
  ".pl": "perl",
  ".r": "r",
};

export interface RuntimeChoice {
  /** `runner_type` as written, or null. */
  written: string | null;
  entry: EntryPoint;
  /** Without a better clue: actions are shell scripts, sensors are programs. */
  otherwise: "shell" | "native";
  /** Runtimes of this pack and those the control plane knows. */
  rows: readonly KnownRuntime[];
}

/** The canonical runtime of an action or sensor (packs.md 2.2). */
export function chooseRuntime(choice: RuntimeChoice, at: Place): string {
  const { written, entry, rows } = choice;
  if (written !== null) {
    return nameOf(written, rows) ?? asWritten(written, rows, at);
  }
  const extension = extname(entry.written).toLowerCase();
  if (extension !== "") {
    const row = rows.find((row) =>
      row.file_extension?.toLowerCase() === extension
    );
    const byExtension = row?.name ?? SHIPPED_EXTENSIONS[extension];
    if (byExtension !== undefined) return byExtension;
  }
  const isProgram = extension === "" && entry.file?.executable === true &&
    !entry.file.hasInterpreterLine;
  return isProgram ? "native" : choice.otherwise;
}

/** The canonical name of a runtime; undefined when nothing claims the name. */
export function nameOf(
  written: string,
  rows: readonly KnownRuntime[],
): string | undefined {
  return shippedRuntime(written) ?? resolveRuntime(written, rows)?.name;
}

function asWritten(
  written: string,
  rows: readonly KnownRuntime[],
  at: Place,
): string {
  const names = [
    ...Object.entries(SHIPPED_RUNTIMES).flatMap(([name, aliases]) => [
      name,
      ...aliases,
    ]),
    ...rows.flatMap((row) => [row.name, row.ref, ...row.aliases]),
  ];
  const near = written.length <= 64
    ? didYouMean(written.toLowerCase(), names)
    : undefined;
  at.at("runner_type").warn(
    `names a runtime that is not known: ${shown(written)}` +
      (near === undefined ? "" : ` (did you mean '${near}'?)`),
  );
  return written;
}
