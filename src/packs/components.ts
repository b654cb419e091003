import { join } from "node:path";
import { qualifyRef } from "../domain/ref.ts";
import { type Fields, record, type ValuesOf } from "./fields.ts";
import { readComponentFiles } from "./pack_files.ts";
import { Place } from "./place.ts";
import type { FileReport } from "./report.ts";

/** A component as its file says, and where to report what else is wrong with it. */
export interface Read<V> {
  values: V;
  at: Place;
}

/** All components of one kind. */
export interface ReadKind<V> {
  read: Read<V>[];
  /** Refs of every file that has one, faulty ones too. */
  declared: Set<string>;
  /** Refs of files that are left out because a key is absent without which they say nothing. */
  incomplete: string[];
  reports: FileReport[];
}

export interface KindPlace {
  /** Directories that hold files of this kind, and the tree each is part of. */
  dirs: readonly { dir: string; within: string }[];
  pack: string;
  /** Name of the kind's directory in the pack, for messages. */
  folder: string;
}

/**
 * Reads every file of a kind. A file without `ref`, or without a key in
 * `needed`, is skipped with a warning; two files with one ref are an error.
 */
export async function readKind<F extends Fields>(
  kind: KindPlace,
  fields: F,
  needed: readonly string[] = [],
): Promise<ReadKind<ValuesOf<F>>> {
  const shown = `${kind.pack}/${kind.folder}`;
  const found = await Promise.all(
    kind.dirs.map(({ dir, within }) => readComponentFiles(dir, shown, within)),
  );
  const files = found.flatMap(({ files }) => files);
  const result: ReadKind<ValuesOf<F>> = {
    read: [],
    declared: new Set(),
    incomplete: [],
    reports: [
      ...found.map(({ report }) => report),
      ...files.map(({ report }) => report),
    ],
  };
  const reader = record(fields);
  const firstFile = new Map<string, string>();
  for (const { report, located } of files) {
    if (located === undefined) continue;
    const { root } = located;
    const absent = ["ref", ...needed].find((key) =>
      root[key] === undefined || root[key] === null || root[key] === ""
    );
    if (absent !== undefined) {
      report.warn(1, absent, `no '${absent}': the file is left out`);
      if (typeof root.ref === "string" && root.ref !== "") {
        result.incomplete.push(qualifyRef(root.ref, kind.pack));
      }
      continue;
    }
    const at = Place.top(located, report);
    const values = reader(root, at);
    if (typeof root.ref !== "string") continue;
    const ref = qualifyRef(root.ref, kind.pack);
    const first = firstFile.get(ref);
    if (first !== undefined) {
      at.at("ref").error(`repeats '${ref}' of ${first}`);
      continue;
    }
    firstFile.set(ref, report.file);
    result.declared.add(ref);
    if (values !== undefined) result.read.push({ values, at });
  }
  return result;
}

/** The usual place of a kind: one directory of the pack. */
export function kindPlace(
  dir: string,
  pack: string,
  folder: string,
): KindPlace {
  return { dirs: [{ dir: join(dir, folder), within: dir }], pack, folder };
}
