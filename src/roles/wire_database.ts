import type { Config } from "../config.ts";
import { closeDb, connectDb, type Db } from "../db/connect.ts";
import { migrationStatus } from "../db/migrate.ts";

/** A pool of the configured database, once it has answered. Pushed on `stack`. */
export async function openDatabase(
  config: Config,
  { role, stack }: { role: string; stack: AsyncDisposableStack },
): Promise<Db> {
  const { url, pool_size } = config.database;
  if (url === null) {
    throw new Error(
      `Cannot start the ${role} as it needs a database: set ATTUNE__DATABASE__URL to postgres://user:password@host/name, or use "attune start", which brings its own`,
    );
  }
  const db = stack.adopt(
    connectDb({ url, max: pool_size, applicationName: `attune ${role}` }),
    closeDb,
  );
  try {
    await db`select 1`;
  } catch (cause) {
    throw new Error(
      `Cannot reach the database at ${placeOf(url)}: ${messageOf(cause)}`,
      { cause },
    );
  }
  return db;
}

/** Throws unless the schema is the one this program works with. */
export async function requireSchema(db: Db): Promise<void> {
  const { pending } = await migrationStatus(db);
  if (pending.length === 0) return;
  const names = pending.map((m) => m.name).join(", ");
  throw new Error(
    `Cannot start as the database lacks ${pending.length} of our migrations (${names}): run "attune migrate" first`,
  );
}

function placeOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}${port && `:${port}`}${pathname}`;
}

/** postgres.js joins what happened at several addresses into one error without a message. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) {
    return error.errors.map(messageOf).join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}
