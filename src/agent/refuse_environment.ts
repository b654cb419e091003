import { join } from "node:path";
import type { ExecutionConfig } from "../domain/runtime.ts";
import { Refused } from "./runtimes/runtime.ts";

/** Throws {@linkcode Refused} for a pack whose dependencies would have to be installed first. */
export function refuseEnvironment(
  { dependencies, environment }: ExecutionConfig,
  packDir: string | null,
): void {
  const manifest = dependencies?.manifest_file;
  if (packDir === null || !manifest) return;
  if (!dependencies?.install_command && !environment?.create_command) return;
  try {
    Deno.statSync(join(packDir, manifest));
  } catch {
    return;
  }
  throw new Refused(
    "env_setup_failed",
    `The pack has a ${manifest}, but runtime environments are not available in this version yet: remove the file, or bring the dependencies in the image of the agent`,
  );
}
