import { resolve } from "node:path";
import { type Config, SETTING_BY_PATH } from "./config/schema.ts";
import { type Candidate, readEnvironment } from "./config/env.ts";
import { type ConfigFault, readConfigText } from "./config/file.ts";

export type { Config } from "./config/schema.ts";

export interface LoadOptions {
  env: Record<string, string>;
  /** Relative paths and `./config.yaml` start here. */
  cwd: string;
  /** Values of a role, by path, under those of the environment and the file. */
  preset?: (given: Given) => Record<string, unknown>;
}

/** What environment and file have set. */
export interface Given {
  /** Absolute. */
  home: string;
  has(path: string): boolean;
}

export interface LoadedConfig {
  config: Config;
  /** By path: a variable, `file:line`, `preset` or `default`. */
  sources: ReadonlyMap<string, string>;
}

/** Every mistake in the configuration at once; `main.ts` prints it and leaves. */
export class ConfigError extends Error {
  override name = "ConfigError";
  constructor(readonly faults: readonly ConfigFault[]) {
    const lines = faults.map(({ where, message }) => `  ${where}: ${message}`);
    const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
    super(`Cannot use the configuration (${count}):\n${lines.join("\n")}`);
  }
}

const PATHS = [...SETTING_BY_PATH.keys()];
const DIRECTORIES = new Set([
  "home",
  "packs_base_dir",
  "runtime_envs_dir",
  "artifacts_dir",
]);

/**
 * Reads the configuration: environment, then the file that `ATTUNE_CONFIG`
 * names or `./config.yaml`, then `preset`, then defaults. The result is frozen.
 * An empty variable counts as not set. Throws {@linkcode ConfigError}.
 */
export function loadConfig({ env, cwd, preset }: LoadOptions): LoadedConfig {
  const faults: ConfigFault[] = [];
  const given = new Map<string, Candidate>();
  for (const [path, candidate] of fromFile(env, cwd, faults)) {
    given.set(path, candidate);
  }
  for (const [path, candidate] of readEnvironment(env, faults)) {
    given.set(path, candidate);
  }

  const values = new Map<string, unknown>();
  const sources = new Map<string, string>();
  for (const [path, { value, where }] of given) {
    const checked = check(path, value, where, faults);
    if (checked === undefined) continue;
    values.set(path, checked);
    sources.set(path, where);
  }
  const home = resolve(cwd, String(values.get("home") ?? defaultOf("home")));
  const presets = preset?.({ home, has: (path) => given.has(path) }) ?? {};
  for (const [path, setting] of SETTING_BY_PATH) {
    if (values.has(path)) continue;
    values.set(path, presets[path] ?? setting.fallback);
    sources.set(path, presets[path] === undefined ? "default" : "preset");
  }
  for (const path of DIRECTORIES) {
    values.set(path, resolve(cwd, String(values.get(path))));
  }
  checkTogether(values, sources, faults);
  if (faults.length > 0) throw new ConfigError(faults);
  return { config: freeze(toTree(values)) as unknown as Config, sources };
}

function fromFile(
  env: Record<string, string>,
  cwd: string,
  faults: ConfigFault[],
): Map<string, Candidate> {
  const named = env.ATTUNE_CONFIG || undefined;
  const file = named ?? "config.yaml";
  let text: string;
  try {
    text = Deno.readTextFileSync(resolve(cwd, file));
  } catch (error) {
    if (named !== undefined || !(error instanceof Deno.errors.NotFound)) {
      const where = named === undefined ? file : "ATTUNE_CONFIG";
      const message = `cannot read "${file}": ${(error as Error).message}`;
      faults.push({ where, message });
    }
    return new Map();
  }
  const reading = readConfigText(text, { file, known: PATHS });
  faults.push(...reading.faults);
  return new Map(
    reading.values.map(({ path, value, where }) => [path, { value, where }]),
  );
}

function check(
  path: string,
  value: unknown,
  where: string,
  faults: ConfigFault[],
): unknown {
  const setting = SETTING_BY_PATH.get(path)!;
  const parsed = setting.schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const inner = parsed.error.issues[0]?.path.join(".");
  const place = inner ? ` (at ${inner})` : "";
  const current = setting.secret ? "hidden" : shorten(value);
  const message =
    `${path} must be ${setting.rule}${place}: current value is ${current}`;
  faults.push({ where, message });
  return undefined;
}

function checkTogether(
  values: Map<string, unknown>,
  sources: Map<string, string>,
  faults: ConfigFault[],
): void {
  const least = values.get("worker.default_timeout") as number;
  const most = values.get("worker.max_timeout") as number;
  if (least > most) {
    faults.push({
      where: sources.get("worker.max_timeout")!,
      message:
        `worker.max_timeout must be at least worker.default_timeout (${least}): current value is ${most}`,
    });
  }
  for (const [one, other] of [["cert", "key"], ["key", "cert"]]) {
    const path = `message_queue.tls_${one}`;
    if (values.get(path) === null) continue;
    if (values.get(`message_queue.tls_${other}`) !== null) continue;
    faults.push({
      where: sources.get(path)!,
      message: `${path} needs message_queue.tls_${other} too`,
    });
  }
}

function defaultOf(path: string): unknown {
  return SETTING_BY_PATH.get(path)!.fallback;
}

function toTree(values: Map<string, unknown>): Record<string, unknown> {
  const tree: Record<string, unknown> = {};
  for (const [path, value] of values) {
    const keys = path.split(".");
    const last = keys.pop()!;
    let at = tree;
    for (const key of keys) {
      at[key] ??= {};
      at = at[key] as Record<string, unknown>;
    }
    at[last] = value;
  }
  return tree;
}

function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  Object.values(value).forEach(freeze);
  return Object.freeze(value);
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
