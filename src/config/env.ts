import type { ConfigFault } from "./file.ts";
import type { Setting } from "./kinds.ts";
import { envNameOf, SETTING_BY_PATH } from "./schema.ts";
import { didYouMean } from "../domain/did_you_mean.ts";

/** What somebody wants a key to be, and where they said so. */
export interface Candidate {
  value: unknown;
  where: string;
}

/**
 * What the environment says, by path. A plain variable wins over the
 * `ATTUNE__` one of its key; a secret may also be in the file that
 * `<VARIABLE>_FILE` names. Unknown `ATTUNE__` variables become faults.
 */
export function readEnvironment(
  env: Record<string, string>,
  faults: ConfigFault[],
): Map<string, Candidate> {
  const found = new Map<string, Candidate>();
  const known = new Set<string>();
  for (const [path, setting] of SETTING_BY_PATH) {
    const names = [setting.env, envNameOf(path)].filter((n) => n !== undefined);
    for (const name of names) {
      known.add(name);
      const text = env[name];
      if (!text || found.has(path)) continue;
      found.set(path, { value: valueOf(setting, text), where: name });
    }
    if (!setting.secret) continue;
    for (const name of names.map((n) => `${n}_FILE`)) {
      known.add(name);
      const file = env[name];
      if (!file) continue;
      const other = found.get(path);
      if (other !== undefined) {
        const message = `set together with ${other.where}: keep one of them`;
        faults.push({ where: name, message });
        continue;
      }
      try {
        const value = Deno.readTextFileSync(file).replace(/\r?\n$/, "");
        found.set(path, { value, where: name });
      } catch (error) {
        const message = `cannot read "${file}": ${(error as Error).message}`;
        faults.push({ where: name, message });
      }
    }
  }
  for (const name of Object.keys(env)) {
    if (!name.startsWith("ATTUNE__") || known.has(name)) continue;
    const near = didYouMean(name.toUpperCase(), [...known]);
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    faults.push({ where: name, message: `unknown variable${hint}` });
  }
  return found;
}

/** A text that is not of the setting's kind stays as it is, for the check to name it. */
function valueOf(setting: Setting<unknown>, text: string): unknown {
  return setting.fromText(text.trim()) ?? text;
}
