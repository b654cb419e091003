import assert from "node:assert/strict";
import { makeLog } from "../log.ts";
import { closeDb, connectDb, type Db } from "./connect.ts";
import { commandOf, readPid } from "./embedded/stray_server.ts";
import {
  type EmbeddedDatabaseOptions,
  openEmbeddedDatabase,
} from "./embedded_postgres.ts";

const onLinux = Deno.build.os === "linux";
/** What only root meets. */
const asRoot = onLinux && Deno.uid() === 0;
const canNamespace = asRoot &&
  new Deno.Command("unshare", { args: ["--user", "true"] }).outputSync()
    .success;

Deno.test("openEmbeddedDatabase() makes a database that later starts keep", async () => {
  await using home = await tempHome();
  await using first = await open(home.path);
  assert.equal(first.kind, "postgres");
  assert.equal(first.version, "18.4");
  assert.equal(first.notice, undefined);
  await query(first.url, async (sql) => {
    await sql`create table kept (n int)`;
    await sql`insert into kept values (42)`;
    const [version] = await sql`show server_version`;
    assert.equal(version!.server_version, first.version);
  });
  await first[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await using later = await open(home.path);
  assert.equal(later.url, first.url);
  await query(later.url, async (sql) => {
    const [row] = await sql`select n from kept`;
    assert.equal(row!.n, 42);
  });
});

Deno.test("openEmbeddedDatabase() is durable unless told otherwise, and only for its user", async () => {
  await using home = await tempHome();
  await using database = await openEmbeddedDatabase({
    home: home.path,
    log: quiet(),
  });
  await query(database.url, async (sql) => {
    const [row] = await sql`
      select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
        current_setting('full_page_writes') as pages, current_setting('listen_addresses') as listen,
        current_setting('password_encryption') as encryption`;
    assert.deepEqual(row, {
      fsync: "on",
      commit: "on",
      pages: "on",
      listen: "",
      encryption: "scram-sha-256",
    });
  });
  const own = `${home.path}/postgres`;
  for (
    const [path, mode] of [["password", 0o600], ["data", 0o700], [
      "socket",
      0o700,
    ], ["server.log", 0o600]] as const
  ) {
    assert.equal(
      (Deno.statSync(`${own}/${path}`).mode ?? 0) & 0o777,
      mode,
      path,
    );
  }
  const wrong = new URL(database.url);
  wrong.password = "guess";
  await assert.rejects(
    query(wrong.href, (sql) => sql`select 1`),
    /password authentication failed/,
  );
});

if (onLinux) {
  Deno.test("openEmbeddedDatabase() keeps its server out of our process group", async () => {
    await using home = await tempHome();
    await using _database = await open(home.path);
    const pid = await serverPid(home.path);
    assert.notEqual(await processGroup(pid), await processGroup(Deno.pid));
  });
}

Deno.test("openEmbeddedDatabase() refuses a home whose database is open, naming who has it", async () => {
  await using home = await tempHome();
  await using _first = await open(home.path);
  await assert.rejects(open(home.path), (error: Error) => {
    assert.match(
      error.message,
      new RegExp(`process ${Deno.pid} is running on it`),
    );
    assert.match(error.message, /ATTUNE_HOME/);
    return true;
  });
});

Deno.test("openEmbeddedDatabase() ends what a killed program left, and loses nothing", async () => {
  await using home = await tempHome();
  const program = await openInChild(home.path);
  await query(program.answer.url!, async (sql) => {
    await sql`create table kept (n int)`;
    await sql`insert into kept values (7)`;
  });
  const left = await serverPid(home.path);
  program.child.kill("SIGKILL");
  await program.child.status;
  assert.notEqual(
    await commandOf(left),
    undefined,
    "the server outlives its program",
  );
  const database = await open(home.path);
  const now = await serverPid(home.path);
  assert.notEqual(now, left);
  assert.equal(await commandOf(left), undefined, "the left one is ended");
  await query(database.url, async (sql) => {
    const [row] = await sql`select n from kept`;
    assert.equal(row!.n, 7);
  });
  await database[Symbol.asyncDispose]();
  assert.equal(await commandOf(now), undefined, "none is left");
  assert.equal(
    await readPid(`${home.path}/postgres/data/postmaster.pid`),
    undefined,
  );
});

Deno.test("openEmbeddedDatabase() starts over a postmaster.pid whose number is a stranger's now", async () => {
  await using home = await tempHome();
  await (await open(home.path))[Symbol.asyncDispose]();
  const lines = [
    Deno.pid,
    `${home.path}/postgres/data`,
    1,
    5432,
    "",
    "",
    "",
    "ready",
  ];
  await Deno.writeTextFile(
    `${home.path}/postgres/data/postmaster.pid`,
    lines.join("\n"),
  );
  await using database = await open(home.path);
  await query(database.url, (sql) => sql`select 1`);
});

Deno.test("openEmbeddedDatabase() says so when its server dies, and the next start recovers", async () => {
  await using home = await tempHome();
  const said = Promise.withResolvers<string>();
  const log = makeLog({ level: "error", format: "text", write: said.resolve });
  const database = await open(home.path, { log });
  await query(database.url, async (sql) => {
    await sql`create table kept (n int)`;
    await sql`insert into kept values (7)`;
  });
  Deno.kill(await serverPid(home.path), "SIGKILL");
  assert.match(await said.promise, /PostgreSQL ended by itself/);
  await database[Symbol.asyncDispose]();
  await using later = await open(home.path);
  await query(later.url, async (sql) => {
    const [row] = await sql`select n from kept`;
    assert.equal(row!.n, 7);
  });
});

Deno.test("openEmbeddedDatabase() works where the home's path is too long for a socket", async () => {
  await using home = await tempHome();
  const path = `${home.path}/${"long-".repeat(20)}`;
  const database = await open(path);
  const directory = new URL(database.url).searchParams.get("host")!;
  assert.ok(!directory.startsWith(home.path));
  await query(database.url, (sql) => sql`select 1`);
  await database[Symbol.asyncDispose]();
  await assert.rejects(Deno.stat(directory), Deno.errors.NotFound);
});

Deno.test("openEmbeddedDatabase() begins again after an initdb that was cut short", async () => {
  await using home = await tempHome();
  await Deno.mkdir(`${home.path}/postgres/initdb/data/base`, {
    recursive: true,
  });
  await Deno.writeTextFile(
    `${home.path}/postgres/initdb/data/PG_VERSION`,
    "18\n",
  );
  await using database = await open(home.path);
  await query(database.url, (sql) => sql`select 1`);
  await assert.rejects(
    Deno.stat(`${home.path}/postgres/initdb`),
    Deno.errors.NotFound,
  );
});

Deno.test("openEmbeddedDatabase() stops opening on its signal, and leaves nothing running", async () => {
  await using home = await tempHome();
  const stop = new AbortController();
  const log = makeLog({
    level: "info",
    format: "text",
    write: (line) =>
      line.includes("making the database") && stop.abort(new Error("enough")),
  });
  await assert.rejects(open(home.path, { log, signal: stop.signal }), /enough/);
  await using database = await open(home.path);
  await query(database.url, (sql) => sql`select 1`);
});

const spoiled: {
  name: string;
  spoil(own: string): Promise<unknown>;
  message: RegExp;
}[] = [
  {
    name: "data of another major version",
    spoil: (own) => Deno.writeTextFile(`${own}/data/PG_VERSION`, "17\n"),
    message: /PostgreSQL 17 made it and this is PostgreSQL 18.*pg_dump/,
  },
  {
    name: "a missing password",
    spoil: (own) => Deno.remove(`${own}/password`),
    message: /password file ".*\/password" is missing: put it back/,
  },
  {
    name: "broken data, with the server's own words",
    spoil: (own) => Deno.remove(`${own}/data/global/pg_control`),
    message:
      /it ended with \d+: .*could not find the database system.*pg_control/s,
  },
];
for (const { name, spoil, message } of spoiled) {
  Deno.test(`openEmbeddedDatabase() refuses ${name}`, async () => {
    await using home = await tempHome();
    await (await open(home.path))[Symbol.asyncDispose]();
    await spoil(`${home.path}/postgres`);
    await assert.rejects(open(home.path), message);
    // It let go of everything.
    await assert.rejects(open(home.path), message);
  });
}

Deno.test("openEmbeddedDatabase() shows initdb's words when it cannot write", async () => {
  await using home = await tempHome();
  await (await open(home.path))[Symbol.asyncDispose]();
  await Deno.remove(`${home.path}/postgres/data`, { recursive: true });
  // No file above 4 MB, or 8 as some shells count: its first log segment has 16.
  const limited = ["sh", "-c", `ulimit -f 8192; exec "$0" "$@"`];
  const { answer } = await openInChild(home.path, {}, limited);
  assert.match(
    answer.error ?? "",
    /initdb ended with \d+: .*File too large/s,
  );
});

if (asRoot) {
  Deno.test("openEmbeddedDatabase() runs under another user when root may not make namespaces", async () => {
    await using home = await tempHome();
    await Deno.chmod(home.path, 0o755);
    const first = await open(home.path, { namespaces: false });
    const pid = await serverPid(home.path);
    assert.notEqual((await Deno.stat(`/proc/${pid}`)).uid, 0);
    await query(first.url, (sql) => sql`create table kept (n int)`);
    await first[Symbol.asyncDispose]();
    // Both ways take over each other's data.
    for (const namespaces of [true, false]) {
      // deno-lint-ignore no-await-in-loop -- one after the other
      await using later = await open(home.path, { namespaces });
      // deno-lint-ignore no-await-in-loop -- one after the other
      await query(later.url, (sql) => sql`insert into kept values (1)`);
    }
  });
}

if (asRoot) {
  Deno.test("openEmbeddedDatabase() keeps the data elsewhere when that user cannot enter the home", async () => {
    await using home = await tempHome();
    await Deno.chmod(home.path, 0o700);
    await using _elsewhere = {
      async [Symbol.asyncDispose]() {
        const path = await Deno.readTextFile(`${home.path}/postgres/elsewhere`);
        assert.match(path, /^\/var\/lib\/attune\/[\da-f-]{36}\n$/);
        await Deno.remove(path.trim(), { recursive: true });
      },
    };
    const first = await open(home.path, { namespaces: false });
    await query(first.url, (sql) => sql`create table kept (n int)`);
    await first[Symbol.asyncDispose]();
    await using later = await open(home.path);
    await query(later.url, (sql) => sql`insert into kept values (1)`);
  });
}

if (asRoot && canNamespace) {
  Deno.test("openEmbeddedDatabase() runs as we do when we are not root", async () => {
    await using home = await tempHome();
    // Named differently in a namespace, so that it still may read this program.
    const asSomebody = [
      "unshare",
      "--user",
      "--map-user=65534",
      "--map-group=65534",
      "--",
    ];
    const program = await openInChild(home.path, {}, asSomebody);
    assert.equal(program.answer.error, undefined);
    assert.equal(program.answer.uid, 65534);
    await query(program.answer.url!, (sql) => sql`select 1`);
    program.child.kill("SIGKILL");
    await program.child.status;
    await using _ended = await open(home.path);
  });
}

Deno.test("openEmbeddedDatabase() falls back to PGlite, says so, and stays with it", async () => {
  await using home = await tempHome();
  const first = await open(home.path, { engine: "pglite" });
  assert.equal(first.kind, "pglite");
  assert.match(
    first.notice!,
    /^The database is PGlite, as it was asked for\..*ATTUNE__DATABASE__URL/,
  );
  await query(first.url, async (sql) => {
    await sql`create table kept (n int)`;
    await sql.begin(async (sql) => {
      await sql`insert into kept values (1)`;
    });
    const rows = await Promise.all(
      [1, 2, 3].map((n) => sql`select ${n}::int as n, n as kept from kept`),
    );
    assert.deepEqual(
      rows.map(([row]) => row),
      [1, 2, 3].map((n) => ({ n, kept: 1 })),
    );
  });
  await first[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await using later = await open(home.path);
  assert.equal(later.kind, "pglite");
  assert.match(later.notice!, /data in ".*\/pglite" are its own/);
  await query(later.url, async (sql) => {
    const [row] = await sql`select n from kept`;
    assert.equal(row!.n, 1);
  });
});

function quiet() {
  return makeLog({ level: "error", format: "text", write: () => {} });
}

function open(home: string, options: Partial<EmbeddedDatabaseOptions> = {}) {
  return openEmbeddedDatabase({
    home,
    log: quiet(),
    settings: { fsync: "off" },
    ...options,
  });
}

async function tempHome() {
  const path = await Deno.makeTempDir({ prefix: "attune-home-" });
  return {
    path: await Deno.realPath(path),
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

async function query(
  url: string,
  act: (sql: Db) => Promise<unknown>,
): Promise<void> {
  const sql = connectDb({ url, max: 3 });
  try {
    await act(sql);
  } finally {
    await closeDb(sql);
  }
}

async function serverPid(home: string): Promise<number> {
  const pid = await readPid(`${home}/postgres/data/postmaster.pid`);
  assert.ok(pid !== undefined);
  return pid;
}

async function processGroup(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
}

interface Answer {
  url?: string;
  error?: string;
  uid?: number;
}

/** A program of its own that opens the database and stays. */
async function openInChild(
  home: string,
  options: Partial<EmbeddedDatabaseOptions> = {},
  prefix: string[] = [],
): Promise<{ child: Deno.ChildProcess; answer: Answer }> {
  const fixture = new URL(
    "../../tests/fixtures/open_database.ts",
    import.meta.url,
  );
  const [command, ...args] = [
    ...prefix,
    ...[Deno.execPath(), "run", "-A", fixture.pathname],
    ...[home, JSON.stringify({ settings: { fsync: "off" }, ...options })],
  ];
  const child = new Deno.Command(command!, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.includes("\n")) break;
  }
  const answer: Answer = JSON.parse(text);
  if (answer.error !== undefined) await child.status;
  return { child, answer };
}
