import { Buffer } from "node:buffer";
import { join } from "node:path";
import type { Located } from "./located.ts";
import { parseYaml } from "./parse_yaml.ts";
import { FileReport } from "./report.ts";
import { isInside } from "./tree_files.ts";
import { readYamlSource } from "./yaml_source.ts";

/** A YAML file of the pack: what is wrong with it and, when it could be parsed, what it says. */
export interface PackFile {
  report: FileReport;
  /** Undefined after errors, which are in the report. */
  located: Located | undefined;
}

export interface FilePlace {
  /** Real path of the directory that nothing may lead out of. */
  root: string;
  path: string;
  /** How messages name it: `mypack/actions/deploy.yaml`. */
  shown: string;
}

/** Reads and parses one file. Never throws: whatever goes wrong is in its report. */
export async function readPackFile(place: FilePlace): Promise<PackFile> {
  const report = new FileReport(place.shown);
  try {
    const real = await Deno.realPath(place.path);
    if (!isInside(real, place.root)) {
      report.error(1, "", "leads out of the pack through a symbolic link");
      return { report, located: undefined };
    }
    const source = await readYamlSource(real);
    if (source.text === undefined) {
      report.error(source.line, "", source.why);
      return { report, located: undefined };
    }
    return { report, located: parseYaml(source.text, report) };
  } catch (error) {
    report.error(1, "", unreadable(error));
    return { report, located: undefined };
  }
}

/** Names of the component files directly in a directory, in byte order; none when it does not exist. */
async function componentNames(
  dir: string,
  shown: string,
): Promise<{ names: string[]; report: FileReport }> {
  const report = new FileReport(shown);
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(dir)) {
      if (!isDirectory && /^[^._].*\.ya?ml$/.test(name)) names.push(name);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotADirectory) {
      if (await exists(dir)) report.error(1, "", "must be a directory");
    } else if (!(error instanceof Deno.errors.NotFound)) {
      report.error(1, "", unreadable(error));
    }
  }
  names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return { names, report };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** All component files of one directory; they may not lead out of `within`, the pack. */
export async function readComponentFiles(
  dir: string,
  shown: string,
  within: string,
): Promise<{ files: PackFile[]; report: FileReport }> {
  const { names, report } = await componentNames(dir, shown);
  if (names.length === 0) return { files: [], report };
  const root = await Deno.realPath(within);
  const files: PackFile[] = [];
  for (const name of names) {
    const place = { root, path: join(dir, name), shown: `${shown}/${name}` };
    // deno-lint-ignore no-await-in-loop -- one open file at a time
    files.push(await readPackFile(place));
  }
  return { files, report };
}

/** What a system error means to the author of the pack. */
export function unreadable(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "the file is missing";
  return `cannot be read: ${(error as Error).message}`;
}
