import { join, normalize } from "node:path";
import type { ExecutionSpec } from "../domain/agent_protocol.ts";
import { Refused } from "./runtimes/runtime.ts";

/** The file of an action inside its pack. Throws {@linkcode Refused}. Asks the file system in this thread: a look costs less than a switch. */
export function findEntryPoint(
  { entry_point, action_ref, pack_ref }: Pick<
    ExecutionSpec,
    "entry_point" | "action_ref" | "pack_ref"
  >,
  packDir: string | null,
): string {
  if (packDir === null) {
    throw missing(`the pack ${pack_ref} has no files`);
  }
  if (entry_point.trim() === "") {
    throw missing(`the action ${action_ref} names no entry point`);
  }
  const below = normalize(entry_point);
  if (below.startsWith("..") || below.startsWith("/")) {
    throw missing(`"${entry_point}" leads out of the pack`);
  }
  const name = below.startsWith("actions/") ? below : `actions/${below}`;
  const file = join(packDir, name);
  let real: string;
  try {
    real = Deno.realPathSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw missing(`the pack ${pack_ref} has no file ${name}`);
    }
    throw missing(
      `${name} of the pack ${pack_ref} cannot be opened: ${
        (error as Error).message
      }`,
    );
  }
  const root = realRoot(packDir);
  if (!real.startsWith(`${root}/`)) {
    throw missing(`${name} is a link that leads out of the pack ${pack_ref}`);
  }
  return file;
}

/** Where pack directories really are; they do not move while they are in use. */
const roots = new Map<string, string>();

function realRoot(packDir: string): string {
  const known = roots.get(packDir);
  if (known !== undefined) return known;
  const root = Deno.realPathSync(packDir);
  roots.set(packDir, root);
  return root;
}

function missing(why: string): Refused {
  return new Refused("entry_point_missing", `Nothing to run: ${why}`);
}
