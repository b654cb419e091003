/** A server program of this machine. */
export interface FoundServer {
  /** The program, or for PostgreSQL the directory of its programs. */
  path: string;
  version: string;
}

/**
 * The newest PostgreSQL of this machine, 15 or later:
 * `ATTUNE_TEST_POSTGRES_BIN`, the system's packages, or `postgres` on PATH.
 */
export async function findPostgres(): Promise<FoundServer | undefined> {
  const given = Deno.env.get("ATTUNE_TEST_POSTGRES_BIN");
  const places = given ? [given] : [...packagedPostgres(), ...pathEntries()];
  for (const path of places) {
    // deno-lint-ignore no-await-in-loop -- the first that fits wins
    const version = await versionOf(`${path}/postgres`);
    if (version !== undefined && parseInt(version) >= 15) {
      return { path, version };
    }
  }
}

/** `ATTUNE_TEST_NATS_SERVER`, or `nats-server` on PATH. */
export async function findNats(): Promise<FoundServer | undefined> {
  const given = Deno.env.get("ATTUNE_TEST_NATS_SERVER");
  const places = given ? [given] : pathEntries().map((d) => `${d}/nats-server`);
  for (const path of places) {
    // deno-lint-ignore no-await-in-loop -- the first that fits wins
    const version = await versionOf(path);
    if (version !== undefined) return { path, version };
  }
}

function packagedPostgres(): string[] {
  const root = "/usr/lib/postgresql";
  try {
    return [...Deno.readDirSync(root)].map((entry) => Number(entry.name))
      .sort((a, b) => b - a).map((major) => `${root}/${major}/bin`);
  } catch {
    return [];
  }
}

function pathEntries(): string[] {
  return (Deno.env.get("PATH") ?? "").split(":").filter((d) => d !== "");
}

/** `15.19` of `postgres (PostgreSQL) 15.19 (Debian ...)`; undefined when it cannot run. */
async function versionOf(program: string): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(program, {
      args: ["--version"],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).output();
    if (!success) return undefined;
    return /\d+(\.\d+)+/.exec(new TextDecoder().decode(stdout))?.[0];
  } catch {
    return undefined;
  }
}
