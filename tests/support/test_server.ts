import { openEmbeddedDatabase } from "../../src/db/embedded_postgres.ts";
import { silentLog } from "../../src/log.ts";
import { startRealPostgres } from "./real_postgres.ts";

export interface TestServer extends AsyncDisposable {
  /** `embedded PostgreSQL 18.4`. */
  readonly name: string;
  /** Of a user who may create databases. */
  readonly url: string;
}

/** Fast instead of durable, and nothing that could hold the template back. */
const SETTINGS = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  autovacuum: "off",
  max_connections: "400",
};

/**
 * The server that `testDb()` makes its databases on: the embedded PostgreSQL,
 * or the programs in `bin` where only PGlite could stand for it, which cannot
 * copy databases.
 */
export async function startTestServer(bin?: string): Promise<TestServer> {
  await using undo = new AsyncDisposableStack();
  const home = undo.adopt(
    await Deno.makeTempDir({ prefix: "attune-test-" }),
    (home) => Deno.remove(home, { recursive: true }),
  );
  await Deno.chmod(home, 0o755); // the server may have to run as another user
  const embedded = undo.use(
    await openEmbeddedDatabase({ home, log: silentLog, settings: SETTINGS }),
  );
  if (embedded.kind === "postgres") {
    const open = undo.move();
    return {
      name: `embedded PostgreSQL ${embedded.version}`,
      url: embedded.url,
      [Symbol.asyncDispose]: () => open.disposeAsync(),
    };
  }
  if (bin === undefined) {
    throw new Error(
      `Cannot run the tests without a PostgreSQL server: ${embedded.notice}; or install PostgreSQL 15 or later`,
    );
  }
  const real = await startRealPostgres(bin);
  return {
    name: `no embedded PostgreSQL, tests on ${real.version}`,
    url: real.url,
    [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
  };
}
