import { createHash } from "node:crypto";
import { closeDb, connectDb, type Db } from "../../src/db/connect.ts";
import { migrate } from "../../src/db/migrate.ts";

export interface TestDb extends AsyncDisposable {
  readonly sql: Db;
  readonly url: string;
}

/**
 * A fresh, migrated database of its own on the server of this test run; gone
 * when disposed. The first one of a run makes the template the others copy.
 */
export async function testDb(): Promise<TestDb> {
  const serverUrl = Deno.env.get("ATTUNE_TEST_DATABASE_URL");
  if (serverUrl === undefined) {
    throw new Error(
      "Cannot make a test database as ATTUNE_TEST_DATABASE_URL is not set: run tests with `deno run -A scripts/run_tests.ts [files]`, which starts a server for them",
    );
  }
  const name = `t_${crypto.randomUUID().replaceAll("-", "")}`;
  await asAdmin(serverUrl, async (admin) => {
    const template = await templateDb(admin, serverUrl);
    await admin`
      create database ${admin(name)} template ${
      admin(template)
    } strategy file_copy`;
  });
  const url = databaseUrl(serverUrl, name);
  const sql = connectDb({ url, max: 5, applicationName: "test" });
  return {
    sql,
    url,
    async [Symbol.asyncDispose]() {
      await closeDb(sql);
      await asAdmin(
        serverUrl,
        (admin) => admin`drop database if exists ${admin(name)} with (force)`,
      );
    },
  };
}

/** Name of the migrated database to copy; made by whoever comes first. */
async function templateDb(admin: Db, serverUrl: string): Promise<string> {
  const template = `template_${await migrationsHash()}`;
  if (await exists(admin, template)) return template;
  const session = await admin.reserve();
  try {
    await session`select pg_advisory_lock(1)`;
    if (await exists(admin, template)) return template;
    const draft = `${template}_draft`;
    await session`drop database if exists ${admin(draft)} with (force)`;
    await session`create database ${admin(draft)}`;
    const sql = connectDb({ url: databaseUrl(serverUrl, draft), max: 1 });
    try {
      await migrate(sql);
    } finally {
      await closeDb(sql);
    }
    // The name is the sign that it is complete.
    await session`alter database ${admin(draft)} rename to ${admin(template)}`;
    return template;
  } finally {
    await session`select pg_advisory_unlock(1)`;
    session.release();
  }
}

async function exists(admin: Db, name: string): Promise<boolean> {
  const rows = await admin`select 1 from pg_database where datname = ${name}`;
  return rows.length === 1;
}

async function asAdmin(
  url: string,
  act: (admin: Db) => Promise<unknown>,
): Promise<void> {
  const admin = connectDb({ url, max: 2, applicationName: "test admin" });
  try {
    await act(admin);
  } finally {
    await closeDb(admin);
  }
}

function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function migrationsHash(): Promise<string> {
  const directory = new URL("../../migrations/", import.meta.url);
  const files = (await Array.fromAsync(Deno.readDir(directory)))
    .map((entry) => entry.name).sort();
  const texts = await Promise.all(
    files.map((name) => Deno.readTextFile(new URL(name, directory))),
  );
  return createHash("sha256").update(texts.join("\0")).digest("hex").slice(
    0,
    16,
  );
}
