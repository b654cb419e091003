// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow one another
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  anAction,
  type Answer,
  type ApiWorld,
  apiWorld,
  aWorker,
  claimed,
} from "../../../tests/support/api_world.ts";
import type { RegisterAnswer } from "../../domain/agent_protocol.ts";
import { hashTree } from "../../packs/tree_hash.ts";

const AGENT = "/api/v1/agent";

async function aPackDir(t: ApiWorld, text = "echo hi\n"): Promise<string> {
  const dir = join(t.deps.settings.packsBaseDir, "demo");
  await Deno.mkdir(join(dir, "actions"), { recursive: true });
  await Deno.writeTextFile(join(dir, "pack.yaml"), "ref: demo\n");
  await Deno.writeTextFile(join(dir, "actions", "run.sh"), text);
  return dir;
}

async function unpacked(t: ApiWorld, archive: Response): Promise<string> {
  const dir = await Deno.makeTempDir({ dir: t.dir });
  const child = new Deno.Command("tar", {
    args: ["xz", "-C", dir],
    stdin: "piped",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  await archive.body!.pipeTo(child.stdin);
  assert.equal((await child.status).code, 0);
  return dir;
}

Deno.test("pack archive is the tree of that hash, also from the cache", async () => {
  await using t = await apiWorld();
  const { token } = await aWorker(t);
  const dir = await aPackDir(t);
  const hash = await hashTree(dir);
  const path = `${AGENT}/packs/demo/${hash}`;
  const both = await Promise.all([
    t.ask("GET", path, { token }),
    t.ask("GET", path, { token }),
  ]);
  for (const answer of [...both, await t.ask("GET", path, { token })]) {
    assert.equal(answer.status, 200);
    assert.ok(Number(answer.headers.get("content-length")) > 50);
    assert.equal(await hashTree(await unpacked(t, answer)), hash);
  }
  // A newer tree has another hash; what was packed before is still there for those who claimed under it.
  await aPackDir(t, "echo new\n");
  const old = await t.ask("GET", path, { token });
  assert.equal(await hashTree(await unpacked(t, old)), hash);
  const kept = await Array.fromAsync(
    Deno.readDir(join(t.deps.settings.packsBaseDir, ".archives")),
  );
  assert.equal(kept.length, 1);
});

Deno.test("pack archive of another version, or of no pack, is 404", async () => {
  await using t = await apiWorld();
  const { token } = await aWorker(t);
  await aPackDir(t);
  const none = "0".repeat(64);
  for (
    const path of [
      `demo/${none}`,
      `nothing/${none}`,
      `demo/short`,
      `..%2f..%2fetc/${none}`,
      `demo/..%2f${none}`,
    ]
  ) {
    const answer = await t.json(404, "GET", `${AGENT}/packs/${path}`, {
      token,
    });
    assert.equal(answer.error, "NOT_FOUND");
  }
});

function put(
  t: ApiWorld,
  { token }: RegisterAnswer,
  item: Answer,
  path: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
) {
  return t.ask("PUT", `${AGENT}/executions/${item.id}/artifacts/${path}`, {
    token,
    body,
    headers: {
      "attune-attempt": "1",
      "attune-lease": item.spec.lease,
      ...headers,
    },
  });
}

Deno.test("artifact upload makes one version per execution, readable to the byte", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const first = await claimed(t, worker, "demo.hello");
  const second = await claimed(t, worker, "demo.hello");
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const ref = "demo.hello.out.table.csv";
  for (
    const [item, body, version] of [
      [first, "draft", 1],
      [second, bytes, 2],
      [first, "final", 1],
    ] as const
  ) {
    const answer = await put(t, worker, item, "out/table.csv", body);
    assert.deepEqual(await answer.json(), { artifact_ref: ref, version });
  }
  const { data } = await t.json(200, "GET", `/api/v1/artifacts/ref/${ref}`);
  assert.equal(data.type, "file_datatable");
  assert.equal(data.scope, "action");
  assert.equal(data.owner, "demo.hello");
  assert.equal(data.visibility, "private");
  const versions = (await t.json(
    200,
    "GET",
    `/api/v1/artifacts/${data.id}/versions`,
  )).data;
  assert.deepEqual(
    versions.map((v: Answer) => [v.version, v.execution, v.size_bytes]),
    [[2, second.id, 60_000], [1, first.id, 5]],
  );
  assert.equal(versions[0].file_path, "demo/hello/out/table/csv/v2.csv");
  const down = await t.ask("GET", `/api/v1/artifacts/${data.id}/download`);
  assert.equal(
    down.headers.get("content-disposition"),
    'attachment; filename="demo_hello_out_table_csv_v2.csv"',
  );
  assert.deepEqual(new Uint8Array(await down.arrayBuffer()), bytes);
  const one = await t.ask(
    "GET",
    `/api/v1/artifacts/${data.id}/versions/1/download`,
  );
  assert.equal(await one.text(), "final");
});

Deno.test("artifact uploads of many executions at once get numbers of their own", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const items: Answer[] = [];
  for (let n = 0; n < 8; n++) {
    items.push(await claimed(t, worker, "demo.hello"));
  }
  const versions = await Promise.all(items.map(async (item) => {
    const answer = await put(t, worker, item, "a.txt", `of ${item.id}`);
    return (await answer.json()).version as number;
  }));
  assert.deepEqual(versions.toSorted(), [1, 2, 3, 4, 5, 6, 7, 8]);
  const { data } = await t.json(
    200,
    "GET",
    "/api/v1/artifacts/ref/demo.hello.a.txt",
  );
  for (const [index, item] of items.entries()) {
    const answer = await t.ask(
      "GET",
      `/api/v1/artifacts/${data.id}/versions/${versions[index]}/download`,
    );
    assert.equal(await answer.text(), `of ${item.id}`);
  }
});

Deno.test("artifact upload refuses paths that are more than a name", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const item = await claimed(t, worker, "demo.hello");
  const odd = [
    "..%2f..%2fetc%2fpasswd",
    "a%2f..%2fb",
    "%2e%2e%2fx",
    "a%2f%2fb",
    "%2fetc%2fpasswd",
    "a%5cb",
    "a%00b",
    "a%01b",
    "a".repeat(600),
  ];
  for (const path of odd) {
    const answer = await put(t, worker, item, path, "x");
    assert.equal(answer.status, 400, path);
    assert.match((await answer.json()).message, /Invalid artifact path/);
  }
  for (const path of ["...", "a b.txt", "ünï.txt", "Makefile"]) {
    const answer = await put(t, worker, item, path, "x");
    assert.equal(answer.status, 200, path);
    await answer.body?.cancel();
  }
  const files = await Array.fromAsync(
    Deno.readDir(t.deps.settings.artifactsDir),
  );
  assert.deepEqual(
    files.map(({ name }) => name).toSorted(),
    [".incoming", "demo"],
  );
});

Deno.test("uploads are refused without the lease, and leave nothing behind", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const other = await aWorker(t, { name: "worker-b" });
  const item = await claimed(t, worker, "demo.hello");
  const lease = crypto.randomUUID();
  const cases: [number, RegisterAnswer, Record<string, string>][] = [
    [409, other, {}],
    [409, worker, { "attune-lease": lease }],
    [409, worker, { "attune-attempt": "2" }],
    [400, worker, { "attune-lease": "mine" }],
    [400, worker, { "attune-attempt": "first" }],
  ];
  for (const [status, sender, headers] of cases) {
    const answer = await put(t, sender, item, "a.txt", "x", headers);
    assert.equal(answer.status, status, JSON.stringify(headers));
    await answer.body?.cancel();
  }
  await t.sql`update execution set lease_until = now() - interval '1 second'`;
  const late = await put(t, worker, item, "a.txt", "x");
  assert.equal(late.status, 409);
  await late.body?.cancel();
  const [{ count }] = await t.sql<Answer[]>`select count(*) from artifact`;
  assert.equal(count, 0);
});

Deno.test("an upload whose lease ends meanwhile is refused", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const item = await claimed(t, worker, "demo.hello");
  let more: ReadableStreamDefaultController<Uint8Array> | undefined;
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => void (more = controller),
    pull: () => resolve(),
  }, { highWaterMark: 0 });
  const answer = t.app.request(
    `${AGENT}/executions/${item.id}/artifacts/a.txt`,
    {
      method: "PUT",
      body,
      headers: {
        authorization: `Bearer ${worker.token}`,
        "attune-attempt": "1",
        "attune-lease": item.spec.lease,
      },
    },
  );
  await begun;
  await t.sql`update execution set lease_until = now() - interval '1 second'`;
  more!.enqueue(new Uint8Array(10));
  more!.close();
  assert.equal((await answer).status, 409);
  const left = await Array.fromAsync(
    Deno.readDir(join(t.deps.settings.artifactsDir, ".incoming")),
  );
  assert.deepEqual(left, []);
});

Deno.test("an upload over the limit is cut off with 413", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  const worker = await aWorker(t);
  const item = await claimed(t, worker, "demo.hello");
  const over = new Uint8Array(50 * 1024 * 1024 + 1);
  const answer = await put(t, worker, item, "big.bin", over);
  assert.equal(answer.status, 413);
  assert.match((await answer.json()).message, /50 MiB/);
  const fits = await put(t, worker, item, "big.bin", over.subarray(1));
  assert.equal(fits.status, 200);
  await fits.body?.cancel();
});

Deno.test("a large result becomes an artifact, unless it holds secrets", async () => {
  await using t = await apiWorld();
  await anAction(t.sql, "demo.hello");
  await anAction(t.sql, "demo.secret", {
    out_schema: { key: { type: "string", secret: true } },
  });
  const worker = await aWorker(t);
  const item = await claimed(t, worker, "demo.hello");
  const text = JSON.stringify({ data: "x".repeat(3 * 1024 * 1024) });
  const send = (item: Answer) =>
    t.ask("POST", `${AGENT}/executions/${item.id}/result`, {
      token: worker.token,
      body: text,
      headers: { "attune-attempt": "1", "attune-lease": item.spec.lease },
    });
  const answer = await send(item);
  assert.equal(answer.status, 200);
  const { artifact_ref } = await answer.json();
  const { data } = await t.json(
    200,
    "GET",
    `/api/v1/artifacts/ref/${artifact_ref}`,
  );
  assert.equal(data.content_type, "application/json");
  const down = await t.ask("GET", `/api/v1/artifacts/${data.id}/download`);
  assert.equal(down.headers.get("content-type"), "application/json");
  assert.ok(await down.text() === text);
  const secret = await send(await claimed(t, worker, "demo.secret"));
  assert.equal(secret.status, 413);
  assert.match((await secret.json()).message, /secret fields/);
});
