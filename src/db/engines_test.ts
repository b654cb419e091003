/** What the program does to its database works alike on every server that may stand behind it. */
import assert from "node:assert/strict";
import { anAction, aPack, aRuntime } from "../../tests/support/a_pack.ts";
import { startRealPostgres } from "../../tests/support/real_postgres.ts";
import { testDb } from "../../tests/support/test_db.ts";
import { silentLog } from "../log.ts";
import { closeDb, connectDb, type Db } from "./connect.ts";
import { openEmbeddedDatabase } from "./embedded_postgres.ts";
import { migrate } from "./migrate.ts";
import { acquireLease, controlPlaneUpFor, touchService } from "./service.ts";
import { storePack } from "./store_pack.ts";

const realBin = Deno.env.get("ATTUNE_TEST_POSTGRES_BIN");

Deno.test({
  name:
    "migrate() makes the same schema on the real PostgreSQL as on the embedded one",
  ignore: realBin === undefined,
  fn: async () => {
    await using server = await startRealPostgres(realBin!);
    await sameAsEmbedded(server.url);
  },
});

Deno.test("migrate() makes the same schema on PGlite as on PostgreSQL", async () => {
  await using undo = new AsyncDisposableStack();
  const home = undo.adopt(
    await Deno.makeTempDir({ prefix: "attune-home-" }),
    (home) => Deno.remove(home, { recursive: true }),
  );
  const { url } = undo.use(
    await openEmbeddedDatabase({ home, log: silentLog, engine: "pglite" }),
  );
  await sameAsEmbedded(url);
});

async function sameAsEmbedded(url: string): Promise<void> {
  await using embedded = await testDb();
  const sql = connectDb({ url, max: 3 });
  try {
    assert.deepEqual(
      (await migrate(sql)).map(({ id }) => id),
      (await embedded.sql`select id from migration order by id`).map((r) =>
        r.id
      ),
    );
    assert.deepEqual(await schemaOf(sql), await schemaOf(embedded.sql));
    await tryStatements(sql);
  } finally {
    await closeDb(sql);
  }
}

/** Columns, constraints and indexes as the server itself spells them. */
async function schemaOf(sql: Db): Promise<string[]> {
  const rows = await sql<{ line: string }[]>`
    select format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) as line
    from information_schema.columns where table_schema = 'public'
    union all
    select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid))
    from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'
    union all
    select indexdef from pg_indexes where schemaname = 'public'
    order by 1`;
  assert.ok(rows.length > 100);
  return rows.map(({ line }) => line);
}

async function tryStatements(sql: Db): Promise<void> {
  const version = {
    version: "5.4",
    is_default: true,
    distributions: {},
    execution_config: {},
    meta: {},
  };
  const pack = aPack({
    actions: [anAction()],
    runtimes: [aRuntime({ versions: [version] })],
  });
  const options = { contentHash: "x", inPlace: () => Promise.resolve() };
  const first = await storePack(sql, pack, options);
  assert.deepEqual(first.created, ["acme.lua", "acme.sync"]);
  assert.deepEqual((await storePack(sql, pack, options)).updated, []);
  await touchService(sql, { id: "a", role: "api" });
  assert.ok((await controlPlaneUpFor(sql)).apiMs !== null);
  assert.equal(await acquireLease(sql, "sweep", "a", 1_000), true);
}
