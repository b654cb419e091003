import { isAbsolute, join } from "node:path";
import type { JsonObject } from "../../domain/json.ts";
import { fillTemplate } from "../../process/child_environment.ts";

export interface DenoPlace {
  /** Null when the pack has no files. */
  packDir: string | null;
  workDir: string;
  artifactsDir: string;
  /** The host module's file. */
  host: string;
}

export interface DenoFlags {
  flags: string[];
  /** What of the policy these flags do not enforce, `key: reason`. */
  degraded: string[];
}

/** Where systems keep programs, libraries and their configuration (packs.md 2.5). */
const SYSTEM_DIRS = [
  "/bin",
  "/sbin",
  "/lib",
  "/lib32",
  "/lib64",
  "/usr",
  "/etc",
  "/dev/null",
  "/dev/zero",
  "/dev/full",
  "/dev/random",
  "/dev/urandom",
  "/proc/self",
];

/** Deno's permission flags for a policy; never a prompt, never `ffi`. */
export function denoFlags(
  permissions: JsonObject,
  place: DenoPlace,
): DenoFlags {
  const own = [place.workDir, place.artifactsDir];
  const pack = place.packDir === null ? [] : [place.packDir];
  const read = [...SYSTEM_DIRS, ...pack, ...own, place.host];
  const net = netFlag(permissions.net);
  const run = runFlag(permissions.run);
  return {
    flags: [
      flag("read", permissions.read, read, place),
      flag("write", permissions.write, own, place),
      ...run.flags,
      ...net.flags,
      // The environment was built for this process: all of it may be seen.
      "--allow-env",
      "--allow-sys",
    ],
    degraded: [...run.degraded, ...net.degraded],
  };
}

function flag(
  name: "read" | "write",
  wanted: unknown,
  always: string[],
  place: DenoPlace,
): string {
  if (wanted === true) return `--allow-${name}`;
  const more = Array.isArray(wanted)
    ? wanted.flatMap((path) => resolve(String(path), place))
    : [];
  return `--allow-${name}=${list([...always, ...more])}`;
}

function resolve(path: string, place: DenoPlace): string[] {
  const filled = fillTemplate(path, {
    pack_dir: place.packDir ?? undefined,
    work_dir: place.workDir,
    artifacts_dir: place.artifactsDir,
  });
  if (filled === undefined) return [];
  if (isAbsolute(filled)) return [filled];
  return place.packDir === null ? [] : [join(place.packDir, filled)];
}

function runFlag(wanted: unknown): DenoFlags {
  if (wanted === false) return { flags: [], degraded: [] };
  if (Array.isArray(wanted)) {
    const flags = wanted.length === 0 ? [] : [`--allow-run=${list(wanted)}`];
    return { flags, degraded: childrenFree(wanted.length > 0) };
  }
  const only = wanted === true
    ? []
    : ["run: not limited to the programs of the system and the pack"];
  return { flags: ["--allow-run"], degraded: [...only, ...childrenFree(true)] };
}

function childrenFree(some: boolean): string[] {
  return some ? ["children: programs it starts are not confined"] : [];
}

function netFlag(wanted: unknown): DenoFlags {
  if (wanted === false) return { flags: [], degraded: [] };
  if (!Array.isArray(wanted)) return { flags: ["--allow-net"], degraded: [] };
  if (wanted.length === 0) return { flags: [], degraded: [] };
  if (wanted.some((host) => String(host).startsWith("*:"))) {
    const degraded = ["net: a port of any host cannot be named; all is open"];
    return { flags: ["--allow-net"], degraded };
  }
  return { flags: [`--allow-net=${list(wanted)}`], degraded: [] };
}

/** Values of one flag; a comma in one is written twice. */
function list(values: unknown[]): string {
  return values.map((value) => String(value).replaceAll(",", ",,")).join(",");
}
