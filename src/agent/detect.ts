import type { DetectedInterpreter } from "../domain/runtime.ts";
import { normalizeVersion } from "../domain/version_constraint.ts";
import { DEFAULT_PATH } from "../process/child_environment.ts";
import { runProcess } from "../process/run_process.ts";
import { findPrograms } from "./find_program.ts";
import { type Probe, PROBES } from "./probes.ts";

export interface DetectOptions {
  /** PATH to search; default the agent's own. */
  path?: string | undefined;
  /** Longer than this a probe may not take. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

/** More of what a program says about itself is not looked at. */
const SAID_MAX = 16 * 1024;

/**
 * The interpreters of this machine (packs.md 5.2), by name; all are asked at
 * the same time. One that does not answer in time counts as found without
 * version. Native and Deno are built in.
 */
export async function detectInterpreters(
  options: DetectOptions = {},
): Promise<DetectedInterpreter[]> {
  const probed = await Promise.all(
    PROBES.map((probe) => runProbe(probe, options)),
  );
  const builtIn: DetectedInterpreter[] = [
    {
      name: "deno",
      path: Deno.execPath(),
      version: Deno.version.deno,
      source: "builtin",
    },
    { name: "native", path: "", version: null, source: "builtin" },
  ];
  return [...probed.flatMap((found) => found ?? []), ...builtIn]
    .toSorted((a, b) => a.name < b.name ? -1 : 1);
}

async function runProbe(
  probe: Probe,
  options: DetectOptions,
): Promise<DetectedInterpreter | undefined> {
  const { path = Deno.env.get("PATH") ?? DEFAULT_PATH } = options;
  const tried = await tryEach(probe.binaries, path, async (binary) => {
    const answer = await ask([binary, ...probe.args], path, options);
    if (answer === undefined) return undefined;
    if (answer === "silent") return { path: binary, version: null };
    const version = probe.pattern.exec(answer.said)?.[1];
    if (version !== undefined) {
      return { path: binary, version: normalizeVersion(version) };
    }
    return answer.good && !probe.strict && probe.fallback === undefined
      ? { path: binary, version: null }
      : undefined;
  });
  const found = tried ?? await tryFallback(probe, path, options);
  return found && { name: probe.name, ...found, source: "probe" };
}

async function tryFallback(
  { fallback }: Probe,
  path: string,
  options: DetectOptions,
) {
  if (fallback === undefined) return undefined;
  return await tryEach(fallback.binaries, path, async (binary) => {
    const answer = await ask([binary, ...fallback.args], path, options);
    return answer !== undefined && answer !== "silent" && answer.good
      ? { path: binary, version: null }
      : undefined;
  });
}

/** The first binary for which `check` has an answer. */
async function tryEach<T>(
  binaries: readonly string[],
  path: string,
  check: (binary: string) => Promise<T | undefined>,
): Promise<T | undefined> {
  for (const binary of binaries) {
    for (const file of await findPrograms(binary, path)) {
      // deno-lint-ignore no-await-in-loop -- the first that answers is taken
      const found = await check(file);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

async function ask(
  argv: [string, ...string[]],
  path: string,
  { timeoutMs = 2_000, signal }: DetectOptions,
): Promise<{ good: boolean; said: string } | "silent" | undefined> {
  const said = { stdout: "", stderr: "" };
  const decoder = new TextDecoder();
  const hear = (stream: "stdout" | "stderr") => (chunk: Uint8Array) => {
    if (said[stream].length < SAID_MAX) said[stream] += decoder.decode(chunk);
  };
  const late = AbortSignal.timeout(timeoutMs);
  const exit = await runProcess({
    argv,
    cwd: "/",
    env: { PATH: path, HOME: "/nonexistent", LANG: "C" },
  }, {
    onStdout: hear("stdout"),
    onStderr: hear("stderr"),
    graceMs: 0,
    drainMs: 100,
    signal: signal === undefined ? late : AbortSignal.any([signal, late]),
  });
  if (exit.kind === "stopped") return "silent";
  if (exit.kind === "unstarted") return undefined;
  const good = exit.kind === "exited" && exit.code === 0;
  return { good, said: said.stdout + said.stderr };
}
