import type { ExecutionSpec } from "../domain/agent_protocol.ts";
import { canonicalRuntime } from "../domain/runtime_name.ts";
import type {
  DetectedInterpreter,
  ExecutionConfig,
} from "../domain/runtime.ts";
import {
  compareVersions,
  parseConstraint,
} from "../domain/version_constraint.ts";
import { findPrograms } from "./find_program.ts";
import { deno } from "./runtimes/deno.ts";
import { interpreter } from "./runtimes/interpreter.ts";
import { interpreterOf, isNative } from "./runtimes/interpreter_config.ts";
import { native } from "./runtimes/native.ts";
import { Refused, type Runtime } from "./runtimes/runtime.ts";

export interface Chosen {
  runtime: Runtime;
  config: ExecutionConfig;
  /** Path of the interpreter; empty when files run themselves. */
  interpreter: string;
}

/** What runs an action on this agent. Throws {@linkcode Refused}. */
export async function chooseRuntime(
  { runtime: wanted, runtime_version }: Pick<
    ExecutionSpec,
    "runtime" | "runtime_version"
  >,
  detected: readonly DetectedInterpreter[],
  path: string,
): Promise<Chosen> {
  const name = canonicalRuntime(wanted.name);
  const base = wanted.execution_config;
  if (name === "wasm") {
    throw missing(name, "this version of the agent runs no WebAssembly");
  }
  if (name === "native" || (name !== "deno" && isNative(base))) {
    return { runtime: native, config: base, interpreter: "" };
  }
  const found = pick(name, runtime_version, detected);
  const config = configFor(wanted, found?.version ?? null);
  if (found !== undefined) {
    const runtime = name === "deno" ? deno : interpreter;
    return { runtime, config, interpreter: found.path };
  }
  const { binary } = interpreterOf(config);
  const [file] = await findPrograms(binary, path);
  if (file === undefined) {
    throw missing(name, `"${binary}" was not found on this agent`);
  }
  return { runtime: interpreter, config, interpreter: file };
}

/** The highest detected version that will do; undefined when nothing of that name was detected. */
function pick(
  name: string,
  constraint: string | null,
  detected: readonly DetectedInterpreter[],
): DetectedInterpreter | undefined {
  const allowed = parseConstraint(constraint);
  const known = detected.filter((one) => one.name === name);
  const fitting = known.filter(({ version }) => allowed.matches(version));
  if (fitting.length === 0 && !allowed.any) {
    const has = known.map(({ version }) => version ?? "unknown").join(", ");
    throw missing(
      name,
      `version ${allowed.text} is needed, this agent has ${has || "none"}`,
    );
  }
  return fitting.toSorted((a, b) => compareVersions(a.version, b.version))
    .at(-1);
}

/** A version row that covers the exact version replaces the whole configuration. */
function configFor(
  { execution_config, versions }: ExecutionSpec["runtime"],
  version: string | null,
): ExecutionConfig {
  const row = version === null
    ? undefined
    : versions.find((one) => parseConstraint(one.version).matches(version));
  return row?.execution_config ?? execution_config;
}

function missing(name: string, why: string): Refused {
  return new Refused(
    "runtime_missing",
    `The runtime ${name} is not available: ${why}`,
  );
}
