import { join } from "node:path";
import { findPack } from "../db/pack_list.ts";
import { type KnownRows, readKnown } from "../db/pack_known.ts";
import { deletePack } from "../db/pack_write.ts";
import { PackExists, storePack } from "../db/store_pack.ts";
import { NUDGE } from "../domain/changes.ts";
import type { LoadReport } from "../domain/pack.ts";
import type { Known } from "../packs/known.ts";
import { type PackReading, readPack } from "../packs/read_pack.ts";
import { hashTree } from "../packs/tree_hash.ts";
import type { ApiDeps } from "./env.ts";
import { ApiError } from "./errors.ts";
import { copyToStage, openStage, type Stage, swapTrees } from "./pack_stage.ts";

/** What installing needs of the API's dependencies. */
export type InstallDeps = Pick<ApiDeps, "db" | "bus" | "log"> & {
  settings: Pick<ApiDeps["settings"], "packsBaseDir">;
};

export interface InstallOptions {
  /** Replace a pack of the same ref; without it that is 409. */
  force: boolean;
  source: "bundled" | "register" | "upload";
  /** A directory outside the pack that holds its `runtimes/*.yaml`. */
  runtimesDir?: string | undefined;
}

export interface Installed {
  report: LoadReport;
  /** It has tests; nobody ran them. */
  hasTests: boolean;
}

/**
 * Installs the pack in `dir`, which stays as it is: checks it, stores its rows
 * and puts a copy in place, both or neither. Throws 400 with every fault of
 * its files, 409 when it exists and `force` is not given.
 */
export async function installPack(
  deps: InstallDeps,
  dir: string,
  options: InstallOptions,
): Promise<Installed> {
  const reading = await readChecked(deps, dir, options);
  await using stage = await openStage(deps.settings.packsBaseDir);
  const { runtimesDir } = options;
  const tree = await copyToStage(stage, dir, { runtimesDir });
  if (await hashTree(tree) !== reading.contentHash) {
    throw new ApiError(
      "CONFLICT",
      `Pack '${reading.pack.ref}' changed while it was being read; install it again`,
    );
  }
  return await place(deps, { stage, tree, reading, options });
}

/** {@linkcode installPack} for a tree that is on a stage already; it is moved, not copied. */
export async function installStaged(
  deps: InstallDeps,
  stage: Stage,
  tree: string,
  options: InstallOptions,
): Promise<Installed> {
  const reading = await readChecked(deps, tree, options);
  return await place(deps, { stage, tree, reading, options });
}

type GoodReading = Extract<PackReading, { ok: true }>;

async function readChecked(
  { db }: InstallDeps,
  dir: string,
  { force, source, runtimesDir }: InstallOptions,
): Promise<GoodReading> {
  const reading = await readPack(dir, {
    bundled: source === "bundled",
    runtimesDir,
    known: toKnown(await readKnown(db, await refIn(dir))),
  });
  if (!reading.ok) {
    const { packRef, errors } = reading;
    throw new ApiError(
      "BAD_REQUEST",
      `Pack '${packRef}' cannot be loaded: ${errors[0]?.message}` +
        (errors.length > 1 ? ` (and ${errors.length - 1} more)` : ""),
      errors,
    );
  }
  const { ref } = reading.pack;
  if (!force && await findPack(db, ref) !== undefined) throw exists(ref);
  return reading;
}

function exists(ref: string): ApiError {
  return new ApiError(
    "CONFLICT",
    `Pack '${ref}' exists already; send force=true to replace it`,
  );
}

async function place(
  deps: InstallDeps,
  { stage, tree, reading, options }: {
    stage: Stage;
    tree: string;
    reading: GoodReading;
    options: InstallOptions;
  },
): Promise<Installed> {
  const { db, log, settings } = deps;
  const { pack, warnings, contentHash } = reading;
  const { ref, version } = pack;
  await using files = swapTrees(stage, tree, join(settings.packsBaseDir, ref));
  const report = await storePack(db, pack, {
    contentHash,
    inPlace: () => files.swap(),
    onlyNew: !options.force,
    warnings,
  }).catch((error) => {
    throw error instanceof PackExists ? exists(ref) : error;
  });
  files.keep();
  for (const { message } of report.warnings) log.warn(message);
  log.info("pack loaded", { pack: ref, version, source: options.source });
  announcePack(deps, ref, contentHash);
  return { report, hasTests: pack.testing !== null };
}

function toKnown(rows: KnownRows): Known {
  const schemas = (of: KnownRows["actions"]) =>
    new Map(of.map(({ ref, schema }) => [ref, schema]));
  return {
    packs: new Map(rows.packs.map(({ ref, version }) => [ref, version])),
    runtimes: rows.runtimes,
    triggers: schemas(rows.triggers),
    actions: schemas(rows.actions),
    ...(rows.offered !== null && {
      offered: new Map(
        rows.offered.map(({ name, versions }) => [name, versions]),
      ),
    }),
  };
}

/** The ref as far as it can be told before the pack is read: its own old components are not "known" to it. */
async function refIn(tree: string): Promise<string> {
  const text = await Deno.readTextFile(join(tree, "pack.yaml"))
    .catch(() => "");
  return /^ref:\s*["']?([\w-]+)/m.exec(text)?.[1] ?? "";
}

/** Null = it is gone. */
function announcePack(
  { bus }: Pick<ApiDeps, "bus">,
  ref: string,
  hash: string | null,
): void {
  bus.nudge(NUDGE.pack, { ref, hash });
  bus.nudge(NUDGE.fleet, {});
}

/** Removes a pack, rows and files, both or neither. False when there is none. */
export async function removePack(
  deps: InstallDeps,
  ref: string,
): Promise<boolean> {
  const { packsBaseDir } = deps.settings;
  await using stage = await openStage(packsBaseDir);
  await using files = swapTrees(stage, null, join(packsBaseDir, ref));
  const removeFiles = () => files.swap();
  if (!await deletePack(deps.db, ref, { removeFiles })) return false;
  files.keep();
  announcePack(deps, ref, null);
  return true;
}
