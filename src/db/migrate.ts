import { createHash } from "node:crypto";
import type { Db, Queryable } from "./connect.ts";

export interface Migration {
  id: number;
  /** `executions` of `0001_executions.sql`. */
  name: string;
  /** SHA-256 of the text with `\n` line ends. */
  hash: string;
  /** Its first line is `-- breaking`: programs that do not know it must not run. */
  breaking: boolean;
  text: string;
}

export interface AppliedMigration {
  id: number;
  name: string;
  hash: string;
  breaking: boolean;
  applied: string;
}

export interface MigrationStatus {
  applied: AppliedMigration[];
  /** Files the database does not have yet. */
  pending: Migration[];
  /** Rows newer than every file: a later version of the program made them. */
  unknown: AppliedMigration[];
}

export interface MigrateOptions {
  /** Directory of `NNNN_name.sql` files; the program's own unless given. */
  directory?: string | URL;
}

const OWN_DIRECTORY = new URL("../../migrations/", import.meta.url);
/** Any number, the same in every version: whoever migrates waits for its turn. */
const LOCK = 4_817_220_033;

/**
 * Brings the schema up to date and returns the migrations this call applied.
 * Safe to run from many processes at once. Throws when the database was made
 * from other files, or by a newer version that this one cannot work with.
 */
export async function migrate(
  sql: Db,
  options: MigrateOptions = {},
): Promise<Migration[]> {
  const { pending } = await migrationStatus(sql, options);
  if (pending.length === 0) return [];
  await sql.begin(async (sql) => {
    await sql`select pg_advisory_xact_lock(${LOCK})`;
    await sql`create table if not exists migration (
      id int primary key,
      name text not null,
      hash text not null,
      breaking boolean not null,
      applied timestamptz not null default now()
    )`;
  });
  const done: Migration[] = [];
  for (const migration of pending) {
    // deno-lint-ignore no-await-in-loop -- each builds on the one before
    if (await apply(sql, migration)) done.push(migration);
  }
  await migrationStatus(sql, options);
  return done;
}

/** What is applied and what is not; throws as {@linkcode migrate} does, and changes nothing. */
export async function migrationStatus(
  sql: Queryable,
  { directory = OWN_DIRECTORY }: MigrateOptions = {},
): Promise<MigrationStatus> {
  const files = await readMigrations(directory);
  const applied = await readApplied(sql);
  const newest = files.at(-1)?.id ?? 0;
  const unknown = applied.filter((row) => row.id > newest);
  for (const row of applied) {
    if (row.id <= newest) checkSame(row, files.find((f) => f.id === row.id));
  }
  const breaking = unknown.find((row) => row.breaking);
  if (breaking !== undefined) {
    throw new Error(
      `Cannot use this database as a newer version of Attune changed it: migration ${
        label(breaking)
      } is unknown here and breaks older programs. Start that version or a newer one, or restore a backup made before it`,
    );
  }
  const known = new Set(applied.map((row) => row.id));
  return { applied, pending: files.filter((f) => !known.has(f.id)), unknown };
}

/** False when another process applied it first. */
function apply(sql: Db, migration: Migration): Promise<boolean> {
  const { id, name, hash, breaking, text } = migration;
  return sql.begin(async (sql) => {
    // The row comes first: a second process waits here until the first commits, then finds it taken.
    const rows = await sql`
      insert into migration (id, name, hash, breaking) values (${id}, ${name}, ${hash}, ${breaking})
      on conflict (id) do nothing returning id`;
    if (rows.length === 0) return false;
    try {
      await sql.unsafe(text).simple();
    } catch (cause) {
      throw new Error(
        `Cannot apply migration ${label(migration)}: ${
          cause instanceof Error ? cause.message : cause
        }; nothing of it was kept`,
        { cause },
      );
    }
    return true;
  });
}

async function readApplied(sql: Queryable): Promise<AppliedMigration[]> {
  const [found] = await sql<
    { there: boolean }[]
  >`select to_regclass('migration') is not null as there`;
  if (!found?.there) return [];
  return [
    ...await sql<AppliedMigration[]>`
      select id, name, hash, breaking, applied from migration order by id`,
  ];
}

async function readMigrations(directory: string | URL): Promise<Migration[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(directory)) {
    if (entry.name.endsWith(".sql")) names.push(entry.name);
  }
  const migrations = await Promise.all(
    names.sort().map(async (file) => {
      const [, number, name] = /^(\d{4})_(\w+)\.sql$/.exec(file) ?? [];
      if (number === undefined || name === undefined) {
        throw new Error(
          `Cannot read migration "${file}" as its name must be like 0001_name.sql`,
        );
      }
      const path = directory instanceof URL
        ? new URL(file, directory)
        : `${directory}/${file}`;
      const text = (await Deno.readTextFile(path)).replaceAll("\r\n", "\n");
      return {
        id: Number(number),
        name,
        hash: createHash("sha256").update(text).digest("hex"),
        breaking: /^-- breaking\b/.test(text),
        text,
      };
    }),
  );
  migrations.forEach((m, index) => {
    if (m.id === index + 1) return;
    throw new Error(
      `Cannot migrate as migrations must be numbered without gaps: number ${
        index + 1
      } is missing or there twice (found ${label(m)})`,
    );
  });
  return migrations;
}

function checkSame(row: AppliedMigration, file: Migration | undefined): void {
  if (file?.name === row.name && file.hash === row.hash) return;
  throw new Error(
    `Cannot use this database as its migration ${
      label(row)
    }, applied ${row.applied}, is not the one of this version (${
      file === undefined
        ? "there is none of that number"
        : file.name === row.name
        ? "same name, other text"
        : `here it is ${label(file)}`
    }): start the version that made the database, or use another database`,
  );
}

function label({ id, name }: { id: number; name: string }): string {
  return `${String(id).padStart(4, "0")}_${name}`;
}
