import type { Log } from "../../log.ts";
import { PACKAGE_VERSION } from "./programs.ts";
import { type Program, runProgram } from "./run_program.ts";
import type { ServerUser } from "./server_user.ts";

export interface Cluster {
  /** Absolute, links resolved. */
  data: string;
  password: string;
}

export interface PrepareClusterOptions {
  /** Holds `data/` and `password`. */
  directory: string;
  programs: string;
  user: ServerUser;
  log: Log;
  signal?: AbortSignal;
}

const MAJOR = PACKAGE_VERSION.split(".")[0]!;

/** Makes the data directory and its password on the first start; checks them on later ones. */
export async function prepareCluster(
  options: PrepareClusterOptions,
): Promise<Cluster> {
  const { directory, user, log } = options;
  const data = `${directory}/data`;
  const passwordFile = `${directory}/password`;
  const version = await readIfThere(`${data}/PG_VERSION`);
  if (version === undefined) {
    log.info("making the database", { directory: data });
    const password = crypto.randomUUID().replaceAll("-", "");
    await Deno.writeTextFile(passwordFile, password, { mode: 0o600 });
    await initialize(options, password);
    return { data, password };
  }
  if (version.trim() !== MAJOR) throw wrongVersion(data, version.trim());
  const password = await readIfThere(passwordFile);
  if (password === undefined) {
    throw new Error(
      `Cannot open the database in "${data}" as its password file "${passwordFile}" is missing: put it back, or move "${data}" away to begin with an empty database`,
    );
  }
  await giveTo(user, data);
  return { data, password };
}

/** Works on a draft, so that a half-made database is never taken for a whole one. */
async function initialize(
  { directory, programs, user, signal }: PrepareClusterOptions,
  password: string,
): Promise<void> {
  const workshop = `${directory}/initdb`;
  await removeTree(workshop);
  await Deno.mkdir(workshop, { mode: 0o700 });
  const pwfile = `${workshop}/password`;
  await Deno.writeTextFile(pwfile, password, { mode: 0o600 });
  await giveTo(user, workshop);
  const { code, output } = await runProgram(
    user.as(`${programs}/bin/initdb`, [
      ...["-D", `${workshop}/data`, "-U", "attune", "-E", "UTF8"],
      ...["-A", "scram-sha-256", `--pwfile=${pwfile}`],
      ...["--locale=C", "--no-instructions"],
      // Iterations protect guessable passwords, and would cost 4 ms a connection.
      ...["-c", "scram_iterations=1"],
    ]),
    // Without TZ it compares every time zone there is with the machine's.
    { env: { TZ: "UTC", LC_ALL: "C" }, ...(signal && { signal }) },
  );
  if (code !== 0) {
    await removeTree(workshop);
    throw new Error(
      `Cannot make a database in "${directory}" as initdb ended with ${code}: ${output}`,
    );
  }
  await Deno.rename(`${workshop}/data`, `${directory}/data`);
  await removeTree(workshop);
}

/** Lets the server own its files, when the way it runs has changed since they were made. */
async function giveTo(user: ServerUser, path: string): Promise<void> {
  const { uid } = await Deno.stat(path);
  if (uid === null || uid === user.uid) return;
  if (Deno.uid() !== 0) {
    throw new Error(
      `Cannot open the database in "${path}" as it belongs to user ${uid}: run as that user, or give it away with \`chown -R ${user.uid} ${path}\``,
    );
  }
  const chown: Program = {
    command: "chown",
    args: ["-R", `${user.uid}:${user.gid}`, path],
  };
  const { code, output } = await runProgram(chown);
  if (code !== 0) throw new Error(`Cannot hand over "${path}": ${output}`);
}

function wrongVersion(data: string, version: string): Error {
  return new Error(
    `Cannot open the database in "${data}" as PostgreSQL ${version} made it and this is PostgreSQL ${MAJOR}: dump it with the version of Attune that made it (pg_dump) and load it into a new one, or move "${data}" away to begin with an empty database`,
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function removeTree(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
