import { join } from "node:path";
import type { Place } from "./place.ts";
import { shown } from "./report.ts";
import { isInside } from "./tree_files.ts";

/** The code file of an action or sensor. */
export interface EntryFile {
  /** Real path. */
  path: string;
  executable: boolean;
  /** It begins with `#!`. */
  hasInterpreterLine: boolean;
}

export interface EntryPoint {
  /** Below the directory, without its name. */
  written: string;
  /** Undefined when it is missing. */
  file: EntryFile | undefined;
}

/**
 * Looks an entry point up below `actions/` or `sensors/` of the pack and
 * reports at `place`: a missing file is a warning, one that leads out of the
 * pack an error.
 */
export async function findEntryPoint(
  pack: string,
  folder: "actions" | "sensors",
  entryPoint: string,
  place: Place,
): Promise<EntryPoint> {
  if (entryPoint === "") {
    place.warn("is not given, so there is nothing to run");
    return { written: "", file: undefined };
  }
  let written = entryPoint;
  let target = await locate(pack, join(folder, written));
  if (target === undefined && written.startsWith(`${folder}/`)) {
    written = written.slice(folder.length + 1);
    target = await locate(pack, join(folder, written));
    place.warn(
      `is looked up below ${folder}/; write ${shown(written)}`,
    );
  }
  if (target === undefined) {
    place.warn(`names a file that does not exist: ${folder}/${written}`);
    return { written, file: undefined };
  }
  if (!isInside(target, await Deno.realPath(pack))) {
    place.error("leads out of the pack through a symbolic link");
    return { written, file: undefined };
  }
  const info = await Deno.stat(target);
  if (!info.isFile) {
    place.warn(`names something that is not a file: ${folder}/${written}`);
    return { written, file: undefined };
  }
  const executable = ((info.mode ?? 0) & 0o111) !== 0;
  const hasInterpreterLine = await beginsWithHashBang(target);
  return { written, file: { path: target, executable, hasInterpreterLine } };
}

/** The real path, or undefined when nothing is there. */
async function locate(
  pack: string,
  path: string,
): Promise<string | undefined> {
  try {
    return await Deno.realPath(join(pack, path));
  } catch {
    return undefined;
  }
}

async function beginsWithHashBang(path: string): Promise<boolean> {
  using file = await Deno.open(path);
  const head = new Uint8Array(2);
  const read = await file.read(head);
  return read === 2 && head[0] === 0x23 && head[1] === 0x21;
}
