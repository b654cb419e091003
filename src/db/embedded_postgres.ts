import type { Log } from "../log.ts";
import { CannotRun } from "./embedded/cannot_run.ts";
import { prepareCluster } from "./embedded/cluster.ts";
import { openPglite } from "./embedded/pglite.ts";
import { installPrograms, PACKAGE_VERSION } from "./embedded/programs.ts";
import { startServer } from "./embedded/server.ts";
import { serverDirectory } from "./embedded/server_directory.ts";
import { chooseServerUser } from "./embedded/server_user.ts";
import { socketDirectory } from "./embedded/socket_directory.ts";
import { endStrayServer } from "./embedded/stray_server.ts";
import { lockFile } from "./home_lock.ts";

export interface EmbeddedDatabase extends AsyncDisposable {
  /** For `connectDb`; carries the password. */
  readonly url: string;
  readonly kind: "postgres" | "pglite";
  /** `18.4`. */
  readonly version: string;
  /** What the user should know: that it is only PGlite, and why. */
  readonly notice?: string;
}

export interface EmbeddedDatabaseOptions {
  /** Directory of the whole stack; the database is below `postgres/` or `pglite/`. */
  home: string;
  log: Log;
  /** `pglite`: even where PostgreSQL could run. */
  engine?: "auto" | "pglite";
  /** False: as if the kernel refused user namespaces. */
  namespaces?: boolean;
  /** Server settings of one's own, as `{fsync: "off"}` for tests. */
  settings?: Record<string, string>;
  /** Ends the opening, not what is open. */
  signal?: AbortSignal;
}

/**
 * Opens the private database of a home: PostgreSQL's own programs, or PGlite
 * where they cannot run. Makes it on the first start, ends what a killed
 * program left of it, and refuses a home whose database is open elsewhere.
 */
export async function openEmbeddedDatabase(
  { home: given, engine = "auto", ...options }: EmbeddedDatabaseOptions,
): Promise<EmbeddedDatabase> {
  await Deno.mkdir(given, { recursive: true });
  const home = await Deno.realPath(given);
  await using undo = new AsyncDisposableStack();
  undo.use(await lockFile("database.lock", home));
  const open = engine === "pglite"
    ? await asPglite(home, "it was asked for")
    : await asBestFits(home, options);
  undo.use(open);
  const held = undo.move();
  return { ...open, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

type Options = Omit<EmbeddedDatabaseOptions, "home" | "engine">;

async function asBestFits(
  home: string,
  options: Options,
): Promise<EmbeddedDatabase> {
  const hasOwn = isThere(`${home}/postgres/data`) ||
    isThere(`${home}/postgres/elsewhere`);
  if (!hasOwn && isThere(`${home}/pglite/data`)) {
    return await asPglite(
      home,
      `the data in "${home}/pglite" are its own (move them away to begin with an empty PostgreSQL)`,
    );
  }
  try {
    return await asPostgres(home, options);
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    if (!hasOwn) {
      return await asPglite(home, `PostgreSQL cannot run: ${error.message}`);
    }
    throw new Error(
      `Cannot open the database in "${home}/postgres" as PostgreSQL cannot run here any more: ${error.message}; move "${home}/postgres" away to begin with an empty database`,
      { cause: error },
    );
  }
}

async function asPostgres(
  home: string,
  { log, namespaces = true, settings = {}, ...rest }: Options,
): Promise<EmbeddedDatabase> {
  await using undo = new AsyncDisposableStack();
  const user = await chooseServerUser({ namespaces });
  const directory = await serverDirectory({ home, user });
  const programs = await installPrograms({ directory, log, ...rest });
  const place = { directory, programs, user, log, ...rest };
  const { data, password } = await prepareCluster(place);
  await endStrayServer({ data, log });
  const sockets = undo.use(await socketDirectory(directory, user));
  undo.use(
    await startServer({
      ...place,
      data,
      settings,
      socketDirectory: sockets.path,
    }),
  );
  const open = undo.move();
  return {
    kind: "postgres",
    version: PACKAGE_VERSION.split(".").slice(0, 2).join("."),
    url: socketUrl(sockets.path, `attune:${password}`),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

async function asPglite(home: string, why: string): Promise<EmbeddedDatabase> {
  const open = await openPglite(`${home}/pglite`);
  return {
    kind: "pglite",
    version: open.version,
    url: socketUrl(open.socketDirectory, "postgres"),
    notice:
      `The database is PGlite, as ${why}. It does one statement at a time and takes about 600 MB of memory; name a PostgreSQL server in ATTUNE__DATABASE__URL for more`,
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
}

/** The form libpq knows, too: `psql "<url>"` works. */
function socketUrl(directory: string, user: string): string {
  return `postgres://${user}@localhost/postgres?host=${
    encodeURIComponent(directory)
  }`;
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
