import type { Capabilities } from "../domain/agent_protocol.ts";
import { canonicalName } from "../domain/resolve_runtime.ts";
import type {
  DetectedInterpreter,
  RuntimeDescriptor,
} from "../domain/runtime.ts";
import type { Log } from "../log.ts";
import { VERSION } from "../version.ts";
import { findPrograms } from "./find_program.ts";
import type { AgentOptions } from "./options.ts";
import { PROBES } from "./probes.ts";
import { interpreterOf, isNative } from "./runtimes/interpreter_config.ts";

const BUILT_IN = new Set([...PROBES.map(({ name }) => name), "deno", "native"]);
/** Known by name, not runnable by this agent. */
const NOT_HERE = new Set(["wasm"]);

/** Runtimes that packs describe and no probe knows: offered when their interpreter is in PATH. */
export async function findDescribed(
  rows: readonly RuntimeDescriptor[],
  path: string | undefined,
): Promise<DetectedInterpreter[]> {
  const found = await Promise.all(rows.map(async (row) => {
    const name = canonicalName(row.name, rows);
    if (BUILT_IN.has(name) || NOT_HERE.has(name)) return [];
    if (isNative(row.execution_config)) {
      return [{ name, path: "", version: null, source: "builtin" as const }];
    }
    const { binary } = interpreterOf(row.execution_config);
    const [file] = await findPrograms(binary, path);
    return file === undefined
      ? []
      : [{ name, path: file, version: null, source: "probe" as const }];
  }));
  return found.flat();
}

/** What is offered of what was found; a list of the operator's is taken at its word (packs.md 5.1). */
export function offer(
  found: readonly DetectedInterpreter[],
  options: Pick<
    AgentOptions,
    "runtimes" | "labels" | "taints" | "maxConcurrentExecutions"
  >,
  { rows, log }: { rows: readonly RuntimeDescriptor[]; log: Log },
): Capabilities {
  const wanted = options.runtimes?.names.filter((name) => name.trim() !== "")
    .map((name) => canonicalName(name, rows));
  const offered = wanted === undefined || wanted.length === 0
    ? [...found]
    : found.filter(({ name }) => wanted.includes(name));
  const names = new Set(offered.map(({ name }) => name));
  for (const name of wanted ?? []) {
    if (names.has(name)) continue;
    names.add(name);
    log.warn(
      `Runtime ${name} was requested by ${
        options.runtimes!.from
      } but no interpreter was found; offered unverified`,
    );
  }
  const versions: Record<string, string[]> = {};
  for (const name of names) {
    versions[name] = offered.filter((one) => one.name === name)
      .flatMap(({ version }) => version ?? []);
  }
  return {
    runtimes: [...names].sort(),
    runtime_versions: versions,
    detected_interpreters: offered,
    labels: options.labels,
    taints: options.taints,
    max_concurrent_executions: options.maxConcurrentExecutions,
    max_concurrent_sensors: 0,
    agent_mode: true,
    agent_version: VERSION,
    isolation: {
      level: "none",
      policy: null,
      layers: {},
      degraded: ["sandbox: this version confines deno actions only"],
    },
  };
}

/** `node 20.19.0 (/usr/local/bin/node), deno 2.9.6 (built in), native`. */
export function describe(found: readonly DetectedInterpreter[]): string {
  return found.map(({ name, path, version, source }) =>
    [
      name,
      version,
      source === "builtin"
        ? (version === null ? null : "(built in)")
        : `(${path})`,
    ]
      .filter((part) => part !== null).join(" ")
  ).join(", ");
}
