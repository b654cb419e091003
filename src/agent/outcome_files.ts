import { join } from "node:path";
import type { OutcomeReport } from "../domain/agent_protocol.ts";
import type { Log } from "../log.ts";

/** An outcome written down; `secret`: it may not travel over the bus. */
export interface SpooledOutcome {
  secret: boolean;
  report: OutcomeReport;
}

/** Writes it into `dir` whole or not at all, readable for this user only; answers the file. */
export async function writeOutcome(
  dir: string,
  outcome: SpooledOutcome,
): Promise<string> {
  const { id, attempt } = outcome.report;
  const file = join(dir, `${id}.${attempt}.json`);
  await Deno.writeTextFile(`${file}.new`, JSON.stringify(outcome), {
    mode: 0o600,
  });
  await Deno.rename(`${file}.new`, file);
  return file;
}

export async function readOutcome(file: string): Promise<SpooledOutcome> {
  return JSON.parse(await Deno.readTextFile(file)) as SpooledOutcome;
}

/** Removes the file if it is there. Never rejects. */
export async function removeOutcome(file: string): Promise<void> {
  await Deno.remove(file).catch(() => {});
}

/** All that is in `dir`; what is damaged or half-written is reported and removed. */
export async function readSpool(
  dir: string,
  log: Log,
): Promise<(SpooledOutcome & { file: string })[]> {
  const names = await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
  const found = await Promise.all(names.map(async (name) => {
    const file = join(dir, name);
    try {
      if (name.endsWith(".json")) return [{ file, ...await readOutcome(file) }];
    } catch (error) {
      log.error("a spooled outcome is damaged and was removed", {
        file,
        error,
      });
    }
    await removeOutcome(file);
    return [];
  }));
  return found.flat();
}
