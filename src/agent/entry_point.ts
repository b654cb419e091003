import { join, normalize } from "node:path";
import type { ExecutionSpec } from "../domain/agent_protocol.ts";
import { Refused } from "./runtimes/runtime.ts";

/** The file of an action inside its pack. Throws {@linkcode Refused}. */
export async function findEntryPoint(
  { entry_point, action_ref, pack_ref }: Pick<
    ExecutionSpec,
    "entry_point" | "action_ref" | "pack_ref"
  >,
  packDir: string | null,
): Promise<string> {
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
    real = await Deno.realPath(file);
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
  const root = await realRoot(packDir);
  if (!real.startsWith(`${root}/`)) {
    throw missing(`${name} is a link that leads out of the pack ${pack_ref}`);
  }
  return file;
}

/** Where pack directories really are; they do not move while they are in use. */
const roots = new Map<string, string>();

async function realRoot(packDir: string): Promise<string> {
  const known = roots.get(packDir);
  if (known !== undefined) return known;
  const root = await Deno.realPath(packDir);
  roots.set(packDir, root);
  return root;
}

function missing(why: string): Refused {
  return new Refused("entry_point_missing", `Nothing to run: ${why}`);
}
