import assert from "node:assert/strict";
import { join } from "node:path";
import { type ApiWorld, apiWorld } from "../../../tests/support/api_world.ts";
import { type TarEntry, tarGz } from "../../../tests/support/tar_gz.ts";
import { hashTree } from "../../packs/tree_hash.ts";

const MIB = 1024 * 1024;
const UPLOAD = "/api/v1/packs/upload";
const REGISTER = "/api/v1/packs/register";

const FILES = {
  "pack.yaml": 'ref: demo\nversion: "1.0.0"\nconfig: {z: 1, a: 2}\n',
  "actions/hello.yaml":
    "ref: hello\nentry_point: hello.sh\nparameters: {name: {type: string}}\n",
  "actions/hello.sh": "echo hi\n",
};

function archiveOf(
  files: Record<string, string>,
): Promise<Uint8Array<ArrayBuffer>> {
  return tarGz(
    Object.entries(files).map(([name, content]) => ({ name, content })),
  );
}

async function upload(
  t: ApiWorld,
  status: number,
  archive: Uint8Array<ArrayBuffer> | null,
  fields: Record<string, string> = {},
) {
  const form = new FormData();
  if (archive !== null) form.set("pack", new Blob([archive]), "demo.tar.gz");
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  const answer = await t.app.request(UPLOAD, {
    method: "POST",
    headers: { authorization: `Bearer ${t.admin}` },
    body: form,
  });
  const body = await answer.json();
  assert.equal(answer.status, status, JSON.stringify(body));
  return body;
}

/** Names in the directory of installed packs; nothing else may be left there. */
async function installed(t: ApiWorld): Promise<string[]> {
  const names = await Array.fromAsync(
    Deno.readDir(t.deps.settings.packsBaseDir),
    ({ name }) => name,
  );
  return names.sort();
}

async function aTree(
  t: ApiWorld,
  files: Record<string, string>,
): Promise<string> {
  const dir = await Deno.makeTempDir({ dir: t.dir });
  await Promise.all(
    Object.entries(files).map(async ([name, content]) => {
      const path = join(dir, name);
      await Deno.mkdir(join(path, ".."), { recursive: true });
      await Deno.writeTextFile(path, content);
    }),
  );
  return dir;
}

Deno.test("POST /packs/upload installs rows and files, and says what it did", async () => {
  await using t = await apiWorld();
  const told: unknown[] = [];
  using _watch = await t.bus.watch("pack", (body) => told.push(body));
  const { data } = await upload(t, 201, await archiveOf(FILES));
  assert.deepEqual(Object.keys(data), [
    "pack",
    "test_result",
    "tests_skipped",
    "report",
  ]);
  assert.equal(data.pack.ref, "demo");
  assert.deepEqual(Object.keys(data.pack.config), ["z", "a"]);
  assert.equal("owner_identity" in data.pack, false);
  assert.deepEqual([data.test_result, data.tests_skipped], [null, false]);
  assert.ok(data.report.created.includes("demo.hello"));
  assert.deepEqual(await installed(t), ["demo"]);
  const hash = await hashTree(join(t.deps.settings.packsBaseDir, "demo"));
  assert.deepEqual(told, [{ ref: "demo", hash }]);
  const { data: action } = await t.json(
    200,
    "GET",
    "/api/v1/actions/demo.hello",
  );
  assert.equal(action.entrypoint, "hello.sh");
  assert.equal(action.is_adhoc, false);
});

Deno.test("POST /packs/upload takes a pack in one top directory", async () => {
  await using t = await apiWorld();
  const moved = Object.fromEntries(
    Object.entries(FILES).map(([name, text]) => [`demo-main/${name}`, text]),
  );
  await upload(t, 201, await archiveOf(moved), { skip_tests: "TRUE" });
  const tree = join(t.deps.settings.packsBaseDir, "demo");
  assert.equal(
    await Deno.readTextFile(join(tree, "actions/hello.sh")),
    "echo hi\n",
  );
});

Deno.test("POST /packs/upload replaces with force only, keeping ids and configuration", async () => {
  await using t = await apiWorld();
  await upload(t, 201, await archiveOf(FILES));
  await t.json(200, "PUT", "/api/v1/packs/demo", {
    body: { config: { mine: 1 } },
  });
  const { data: before } = await t.json(
    200,
    "GET",
    "/api/v1/actions/demo.hello",
  );
  const next = {
    ...FILES,
    "pack.yaml": 'ref: demo\nversion: "2.0.0"\nconfig: {theirs: 1}\n',
    "actions/hello.sh": "echo two\n",
  };
  const refused = await upload(t, 409, await archiveOf(next), { force: "no" });
  assert.equal(refused.code, "CONFLICT");
  const script = join(t.deps.settings.packsBaseDir, "demo/actions/hello.sh");
  assert.equal(await Deno.readTextFile(script), "echo hi\n");
  const { data } = await upload(t, 201, await archiveOf(next), {
    force: "True",
  });
  assert.equal(data.pack.version, "2.0.0");
  assert.deepEqual(data.pack.config, { mine: 1 });
  assert.equal(await Deno.readTextFile(script), "echo two\n");
  const { data: after } = await t.json(
    200,
    "GET",
    "/api/v1/actions/demo.hello",
  );
  assert.equal(after.id, before.id);
  assert.deepEqual(await installed(t), ["demo"]);
});

Deno.test("POST /packs/upload refuses bad archives and touches nothing", async (test) => {
  await using t = await apiWorld();
  await upload(t, 201, await archiveOf(FILES));
  const yaml: TarEntry = { name: "pack.yaml", content: FILES["pack.yaml"] };
  const zeros = new Uint8Array(40 * MIB);
  const cases: [
    string,
    () => Promise<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer>,
  ][] = [
    ["no archive", () => new TextEncoder().encode("hello")],
    ["an empty file", () => new Uint8Array(0)],
    ["a cut archive", async () => (await archiveOf(FILES)).slice(0, 100)],
    ["no pack.yaml", () => archiveOf({ "readme.md": "x" })],
    [
      "pack.yaml two levels down",
      () => archiveOf({ "a/b/pack.yaml": FILES["pack.yaml"] }),
    ],
    [
      "a path that climbs out",
      () => tarGz([yaml, { name: "../evil.sh", content: "x" }]),
    ],
    [
      "a path that climbs out later",
      () => tarGz([yaml, { name: "actions/../../evil.sh", content: "x" }]),
    ],
    [
      "an absolute path",
      () => tarGz([yaml, { name: "/tmp/evil.sh", content: "x" }]),
    ],
    [
      "a symbolic link",
      () =>
        tarGz([yaml, {
          name: "link",
          type: "symlink",
          linkname: "/etc/passwd",
        }]),
    ],
    [
      "a hard link",
      () =>
        tarGz([yaml, { name: "link", type: "link", linkname: "pack.yaml" }]),
    ],
    [
      "a device",
      () => tarGz([yaml, { name: "dev", type: "character-device" }]),
    ],
    [
      "a file over 50 MiB",
      () => tarGz([yaml, { name: "big", content: new Uint8Array(51 * MIB) }]),
    ],
    [
      "a bomb",
      () =>
        tarGz([
          yaml,
          ...["a", "b", "c"].map((name) => ({ name, content: zeros })),
        ]),
    ],
    [
      "10 001 entries",
      () =>
        tarGz([
          yaml,
          ...Array.from({ length: 10_000 }, (_, i) => ({ name: `f${i}` })),
        ]),
    ],
  ];
  for (const [what, archive] of cases) {
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await test.step(what, async () => {
      const answer = await upload(t, 400, await archive(), { force: "true" });
      assert.equal(answer.code, "BAD_REQUEST");
      assert.match(answer.error, /archive/i);
      assert.deepEqual(await installed(t), ["demo"]);
    });
  }
  await test.step("no file in the form", async () => {
    assert.match((await upload(t, 400, null)).error, /pack/);
  });
  const script = join(t.deps.settings.packsBaseDir, "demo/actions/hello.sh");
  assert.equal(await Deno.readTextFile(script), "echo hi\n");
});

Deno.test("POST /packs/upload names every fault of the files and changes nothing", async () => {
  await using t = await apiWorld();
  await upload(t, 201, await archiveOf(FILES));
  const answer = await upload(
    t,
    400,
    await archiveOf({
      ...FILES,
      "actions/hello.yaml":
        "ref: hello\nentry_point: hello.sh\nenabled: maybe\n",
      "actions/other.yaml": "ref: Other\nentry_point: ../../etc/passwd\n",
    }),
    { force: "true" },
  );
  const files = answer.details.map(
    ({ file, line, message }: Record<string, unknown>) => {
      assert.equal(typeof line, "number");
      assert.ok(
        String(message).startsWith(`${file}:${line}: `),
        String(message),
      );
      return file;
    },
  );
  assert.ok(files.includes("demo/actions/hello.yaml"));
  assert.ok(files.includes("demo/actions/other.yaml"));
  await t.json(404, "GET", "/api/v1/actions/demo.other");
  assert.deepEqual(await installed(t), ["demo"]);
});

Deno.test("POST /packs/upload needs its permission, a form, and no more than 101 MiB", async () => {
  await using t = await apiWorld();
  const send = (headers: Record<string, string>) =>
    t.ask("POST", UPLOAD, { headers, body: new Uint8Array(10) });
  const form = "multipart/form-data; boundary=x";
  assert.equal(
    (await send({ "content-type": "application/gzip" })).status,
    415,
  );
  assert.equal((await send({ "content-type": form })).status, 400);
  const large = String(102 * MIB);
  assert.equal(
    (await send({ "content-type": form, "content-length": large })).status,
    413,
  );
  await t.json(403, "POST", UPLOAD, {
    token: await t.as([{ resource: "packs", actions: ["create"] }]),
    headers: { "content-type": form },
    body: "x",
  });
});

Deno.test("POST /packs/register copies a directory and answers the doubled pack", async () => {
  await using t = await apiWorld();
  const path = await aTree(t, FILES);
  await Deno.symlink("hello.sh", join(path, "actions/alias.sh"));
  await Deno.symlink("/etc/passwd", join(path, "actions/out.sh"));
  const { data } = await t.json(201, "POST", REGISTER, { body: { path } });
  const { pack, test_result, tests_skipped, report, ...same } = data;
  assert.deepEqual(same, pack);
  assert.deepEqual([test_result, tests_skipped], [null, false]);
  assert.ok(
    report.warnings.some((w: { message: string }) =>
      w.message.includes("out.sh")
    ),
    "what is left out is told",
  );
  const actions = join(t.deps.settings.packsBaseDir, "demo/actions");
  const names = await Array.fromAsync(
    Deno.readDir(actions),
    (e) => `${e.name} ${e.isFile}`,
  );
  assert.deepEqual(names.sort(), [
    "alias.sh true",
    "hello.sh true",
    "hello.yaml true",
  ]);
  assert.equal(
    (await t.json(409, "POST", REGISTER, { body: { path } })).code,
    "CONFLICT",
  );
  await t.json(201, "POST", REGISTER, { body: { path, force: true } });
  assert.equal(
    await Deno.readTextFile(join(path, "actions/hello.sh")),
    "echo hi\n",
  );
});

Deno.test("POST /packs/register refuses what is no directory", async () => {
  await using t = await apiWorld();
  const file = join(t.dir, "file");
  await Deno.writeTextFile(file, "");
  for (const path of ["/does/not/exist", "relative", file]) {
    // deno-lint-ignore no-await-in-loop
    const answer = await t.json(400, "POST", REGISTER, { body: { path } });
    assert.match(answer.error, /absolute path of a directory/);
  }
  const empty = await aTree(t, {});
  const answer = await t.json(400, "POST", REGISTER, { body: { path: empty } });
  assert.match(answer.details[0].message, /pack\.yaml/);
  await t.json(422, "POST", REGISTER, { body: {} });
});

Deno.test("installing puts the old tree back when the rows cannot be stored", async () => {
  await using t = await apiWorld();
  await upload(t, 201, await archiveOf(FILES));
  // Fires at the commit, when the new tree is in place already.
  await t.sql.unsafe(`
    create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
    create constraint trigger refuse after update on pack deferrable initially deferred
      for each row execute function refuse();`);
  const next = { ...FILES, "actions/hello.sh": "echo two\n" };
  const answer = await upload(t, 500, await archiveOf(next), { force: "true" });
  assert.equal(answer.code, "DATABASE_ERROR");
  const script = join(t.deps.settings.packsBaseDir, "demo/actions/hello.sh");
  assert.equal(await Deno.readTextFile(script), "echo hi\n");
  assert.deepEqual(await installed(t), ["demo"]);
});
