import { findPostgres } from "./find_servers.ts";
import { startRealPostgres } from "./real_postgres.ts";

export interface TestServer extends AsyncDisposable {
  /** `embedded PostgreSQL 18.4`. */
  readonly name: string;
  /** Of a user who may create databases. */
  readonly url: string;
}

/** The server that {@linkcode testDb} makes its databases on. */
export async function startTestServer(): Promise<TestServer> {
  const found = await findPostgres();
  if (found === undefined) throw new Error("Cannot find a PostgreSQL");
  const { url, version, ...rest } = await startRealPostgres(found.path);
  return { ...rest, url, name: version };
}
