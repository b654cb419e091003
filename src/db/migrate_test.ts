import assert from "node:assert/strict";
import { testDb } from "../../tests/support/test_db.ts";
import { closeDb, connectDb } from "./connect.ts";
import { migrate, migrationStatus } from "./migrate.ts";

Deno.test("migrate() has nothing to do on a migrated database", async () => {
  await using t = await testDb();
  assert.deepEqual(await migrate(t.sql), []);
  const status = await migrationStatus(t.sql);
  assert.deepEqual([status.pending, status.unknown], [[], []]);
  assert.equal(status.applied[0]?.name, "executions");
});

Deno.test("migrate() applies what is missing, in order, and says what", async () => {
  await using t = await emptyDb();
  await using files = await migrationFiles({
    "0001_one.sql": "create table one (n int); insert into one values (1);",
  });
  assert.deepEqual(names(await migrate(t.sql, files)), ["one"]);
  await files.write("0002_two.sql", "alter table one add m int default 2");
  const before = await migrationStatus(t.sql, files);
  assert.deepEqual([names(before.applied), names(before.pending)], [
    ["one"],
    ["two"],
  ]);
  assert.deepEqual(names(await migrate(t.sql, files)), ["two"]);
  const [row] = await t.sql`select n, m from one`;
  assert.deepEqual(row, { n: 1, m: 2 });
});

Deno.test("migrate() applies each migration once, however many run it", async () => {
  await using t = await emptyDb();
  await using files = await migrationFiles({
    "0001_one.sql": "create table one (n int); select pg_sleep(0.05);",
    "0002_two.sql": "create table two (n int)",
  });
  const pools = Array.from(
    { length: 8 },
    () => connectDb({ url: t.url, max: 1 }),
  );
  const done = await Promise.all(pools.map((sql) => migrate(sql, files)));
  await Promise.all(pools.map(closeDb));
  assert.deepEqual(done.flatMap(names).sort(), ["one", "two"]);
});

Deno.test("migrate() keeps nothing of a migration that fails", async () => {
  await using t = await emptyDb();
  await using files = await migrationFiles({
    "0001_one.sql": "create table one (n int)",
    "0002_bad.sql": "create table two (n int); create table one (n int)",
  });
  await assert.rejects(
    migrate(t.sql, files),
    /Cannot apply migration 0002_bad: relation "one" already exists; nothing of it was kept/,
  );
  const status = await migrationStatus(t.sql, files);
  assert.deepEqual([names(status.applied), names(status.pending)], [
    ["one"],
    ["bad"],
  ]);
  const [row] = await t.sql`select to_regclass('two') as two`;
  assert.equal(row!.two, null);
});

Deno.test("migrate() refuses a database of a newer version only when that broke something", async () => {
  await using t = await emptyDb();
  await using files = await migrationFiles({
    "0001_one.sql": "create table one (n int)",
  });
  await using newer = await migrationFiles({
    "0001_one.sql": "create table one (n int)",
    "0002_two.sql": "create table two (n int)",
  });
  await migrate(t.sql, newer);
  assert.deepEqual(await migrate(t.sql, files), []);
  assert.deepEqual(names((await migrationStatus(t.sql, files)).unknown), [
    "two",
  ]);
  await newer.write(
    "0003_three.sql",
    "-- breaking: one is gone\ndrop table one",
  );
  await migrate(t.sql, newer);
  await assert.rejects(
    migrate(t.sql, files),
    /newer version of Attune.*0003_three is unknown here and breaks older programs\. Start that version/,
  );
});

const altered: {
  name: string;
  files: Record<string, string>;
  message: RegExp;
}[] = [
  {
    name: "with another text",
    files: { "0001_one.sql": "create table other (n int)" },
    message:
      /migration 0001_one, applied .*, is not the one of this version \(same name, other text\)/,
  },
  {
    name: "with another name",
    files: { "0001_uno.sql": "create table one (n int)" },
    message: /here it is 0001_uno\): start the version that made the database/,
  },
];
for (const { name, files: other, message } of altered) {
  Deno.test(`migrate() refuses a database made from a migration ${name}`, async () => {
    await using t = await emptyDb();
    await using files = await migrationFiles({
      "0001_one.sql": "create table one (n int)",
    });
    await migrate(t.sql, files);
    await using changed = await migrationFiles(other);
    await assert.rejects(migrate(t.sql, changed), message);
  });
}

Deno.test("migrate() does not mind how a checkout ends its lines", async () => {
  await using t = await emptyDb();
  await using files = await migrationFiles({
    "0001_one.sql": "create table one (\nn int)\n",
  });
  await using windows = await migrationFiles({
    "0001_one.sql": "create table one (\r\nn int)\r\n",
  });
  await migrate(t.sql, files);
  assert.deepEqual(await migrate(t.sql, windows), []);
});

const misnamed: { files: string[]; message: RegExp }[] = [
  {
    files: ["0001_a.sql", "0003_c.sql"],
    message: /number 2 is missing or there twice \(found 0003_c\)/,
  },
  {
    files: ["0001_a.sql", "0001_b.sql"],
    message: /number 2 is missing or there twice/,
  },
  {
    files: ["1_a.sql"],
    message: /"1_a\.sql" as its name must be like 0001_name\.sql/,
  },
];
for (const { files: list, message } of misnamed) {
  Deno.test(`migrate() refuses the files ${list.join(" and ")}`, async () => {
    await using t = await emptyDb();
    await using files = await migrationFiles(
      Object.fromEntries(list.map((name) => [name, "select 1"])),
    );
    await assert.rejects(migrate(t.sql, files), message);
  });
}

function names(migrations: readonly { name: string }[]): string[] {
  return migrations.map(({ name }) => name);
}

async function emptyDb() {
  const t = await testDb();
  await t.sql`drop schema public cascade`;
  await t.sql`create schema public`;
  return t;
}

async function migrationFiles(files: Record<string, string>) {
  const directory = await Deno.makeTempDir();
  const write = (name: string, text: string) =>
    Deno.writeTextFile(`${directory}/${name}`, text);
  await Promise.all(
    Object.entries(files).map(([name, text]) => write(name, text)),
  );
  return {
    directory,
    write,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}
