import type { Config } from "../config.ts";
import { closeDb, connectDb, type Db } from "../db/connect.ts";
import { openEmbeddedDatabase } from "../db/embedded_postgres.ts";
import { migrate } from "../db/migrate.ts";
import type { Log } from "../log.ts";
import { openDatabase } from "../roles/wire_database.ts";

export interface StartDatabase {
  db: Db;
  /** For the screen: `PostgreSQL 18.4, private`. */
  name: string;
  notices: string[];
}

/** The configured database, or a private one of this home, with our schema. */
export async function openStartDatabase(
  config: Config,
  { log, stack, signal }: {
    log: Log;
    stack: AsyncDisposableStack;
    signal: AbortSignal;
  },
): Promise<StartDatabase> {
  if (config.database.url !== null) {
    const db = await openDatabase(config, { role: "start", stack });
    await migrate(db);
    const { hostname, pathname } = new URL(config.database.url);
    const name = `PostgreSQL at ${hostname}${pathname}`;
    return { db, name, notices: [] };
  }
  const embedded = stack.use(
    await openEmbeddedDatabase({ home: config.home, log, signal }),
  );
  const { url, kind, version, notice } = embedded;
  const db = stack.adopt(
    connectDb({
      url,
      max: config.database.pool_size,
      applicationName: "attune start",
    }),
    closeDb,
  );
  await migrate(db);
  return {
    db,
    name: kind === "postgres"
      ? `PostgreSQL ${version}, private`
      : `PGlite ${version}, private`,
    notices: notice === undefined ? [] : [notice],
  };
}
