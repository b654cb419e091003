import { basename, join, resolve } from "node:path";
import type { Pack, PackFault } from "../domain/pack.ts";
import { isIdent } from "../domain/ref.ts";
import { record, type ValuesOf } from "./fields.ts";
import type { Known } from "./known.ts";
import { packFields, packMeta } from "./pack_fields.ts";
import { type PackFile, readPackFile, unreadable } from "./pack_files.ts";
import { Place } from "./place.ts";
import { type PackParts, readParts } from "./read_parts.ts";
import { FileReport } from "./report.ts";
import { treeFiles } from "./tree_files.ts";
import { hashFiles } from "./tree_hash.ts";

export interface ReadPackOptions {
  /** True for a pack that the control plane ships: only there `system: true` counts. */
  bundled?: boolean | undefined;
  /** A directory outside the pack whose files count as its `runtimes/*.yaml`. */
  runtimesDir?: string | undefined;
  /** What exists besides this pack; without it, nothing of other packs is called missing. */
  known?: Known | undefined;
  /** Seconds; a sensor's `poll_interval` below it is raised. 5 unless given. */
  minPollInterval?: number | undefined;
}

/** A parsed pack, or every fault that keeps it from being loaded. */
export type PackReading =
  | {
    ok: true;
    pack: Pack;
    warnings: PackFault[];
    /** As `hashTree` gives it. */
    contentHash: string;
  }
  | { ok: false; packRef: string; errors: PackFault[] };

/**
 * Reads and checks the whole pack in `dir` (packs.md 1). Whatever is wrong
 * with its files is in the answer; it does not throw because of them.
 */
export async function readPack(
  dir: string,
  options: ReadPackOptions = {},
): Promise<PackReading> {
  const { pack, named } = await readPackYaml(dir);
  const { report, values } = pack;
  const parts = named === undefined
    ? undefined
    : await readParts({ dir, ref: named, ...options }, values, pack.at);
  const tree = new FileReport(named ?? basename(resolve(dir)));
  const contentHash = await hashWhole(dir, options, tree);
  const reports = [report, ...(parts?.reports ?? []), tree];
  const errors = faults(reports, "errors");
  if (errors.length > 0 || values === undefined || parts === undefined) {
    return { ok: false, packRef: tree.file, errors };
  }
  if (values.system && options.bundled !== true) {
    pack.at?.at("system").warn(
      "counts only for packs that are shipped with the server",
    );
  }
  return {
    ok: true,
    pack: toPack(values, parts, options.bundled === true),
    warnings: faults(reports, "warnings"),
    contentHash,
  };
}

type PackValues = ValuesOf<typeof packFields>;

/** `pack.yaml`, and the ref under which everything else of the pack is judged. */
async function readPackYaml(dir: string) {
  const own = basename(resolve(dir));
  const first = await readFileOf(dir, own);
  const written = first.located?.root.ref;
  const ref = typeof written === "string" && isIdent(written)
    ? written
    : undefined;
  // Messages name the pack, not the directory it happens to be read from.
  const { report, located } = ref === undefined || ref === own
    ? first
    : await readFileOf(dir, ref);
  const at = located && Place.top(located, report);
  const values: PackValues | undefined = at &&
    record(packFields)(located.root, at);
  const named = ref ?? (isIdent(own) &&
      (written === undefined || written === null)
    ? own
    : undefined);
  return { pack: { report, at, values }, named };
}

async function readFileOf(dir: string, name: string): Promise<PackFile> {
  const shown = `${name}/pack.yaml`;
  try {
    const root = await Deno.realPath(dir);
    return await readPackFile({ root, path: join(dir, "pack.yaml"), shown });
  } catch (error) {
    const report = new FileReport(shown);
    report.error(1, "", unreadable(error));
    return { report, located: undefined };
  }
}

async function hashWhole(
  dir: string,
  { runtimesDir }: ReadPackOptions,
  report: FileReport,
): Promise<string> {
  try {
    const { files, leftOut } = await treeFiles(dir, { runtimesDir });
    for (const { path, why } of leftOut) {
      report.warn(1, "", `${path} is not part of the pack: ${why}`);
    }
    return await hashFiles(files);
  } catch (error) {
    report.error(1, "", unreadable(error));
    return "";
  }
}

function faults(
  reports: readonly FileReport[],
  kind: "errors" | "warnings",
): PackFault[] {
  return reports.flatMap((report) =>
    report[kind].toSorted((a, b) => a.line - b.line)
  );
}

function toPack(read: PackValues, parts: PackParts, bundled: boolean): Pack {
  const { reports: _, ...components } = parts;
  return {
    ref: read.ref,
    version: read.version,
    label: read.label ?? read.ref,
    description: read.description,
    author: read.author,
    email: read.email,
    enabled: read.enabled,
    is_standard: read.system && bundled,
    conf_schema: read.conf_schema,
    config: read.config,
    meta: packMeta(read),
    tags: read.tags,
    runtime_deps: read.runtime_deps,
    dependencies: read.dependencies,
    testing: read.testing,
    ...components,
  };
}
