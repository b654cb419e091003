import assert from "node:assert/strict";
import { join } from "node:path";
import { writePack } from "../../tests/support/agent_world.ts";
import { silentLog } from "../log.ts";
import { archiveTree } from "../packs/archive_tree.ts";
import { hashTree } from "../packs/tree_hash.ts";
import { ApiRefused } from "./api_client.ts";
import { makePackStore } from "./pack_store.ts";

async function world() {
  const dir = await Deno.makeTempDir();
  const hash = await writePack(dir, "acme", {
    "pack.yaml": "ref: acme\n",
    "actions/a": "#!/bin/sh\n",
  });
  const archive = await new Response(await archiveTree(join(dir, "packs/acme")))
    .bytes();
  const w = {
    dir,
    hash,
    archive,
    opened: [] as string[],
    store: (packsBaseDir: string | null) =>
      makePackStore({
        api: {
          open(path) {
            w.opened.push(path);
            if (w.archive === undefined) {
              return Promise.reject(new ApiRefused(404, "gone"));
            }
            return Promise.resolve(new Blob([w.archive]).stream());
          },
        },
        cacheDir: join(dir, "cache"),
        packsBaseDir,
        log: silentLog,
      }),
    cached: () => {
      try {
        return [...Deno.readDirSync(join(dir, "cache/acme"))].map(({ name }) =>
          name
        );
      } catch {
        return [];
      }
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(dir, { recursive: true });
    },
  };
  return w;
}

Deno.test("makePackStore() uses the shared volume only where the content is right", async () => {
  await using w = await world();
  const store = w.store(join(w.dir, "packs"));
  assert.equal(await store.find("acme", w.hash), join(w.dir, "packs/acme"));
  assert.equal(await store.find("acme", "0".repeat(64)), undefined);
  assert.equal(await store.find("other", w.hash), undefined);
});

Deno.test("makePackStore() downloads once, keeps it by hash, and finds it after a restart", async () => {
  await using w = await world();
  const store = w.store(null);
  const dirs = await Promise.all(
    [1, 2, 3].map(() => store.fetch("acme", w.hash)),
  );
  assert.equal(w.opened.length, 1);
  assert.equal(new Set(dirs).size, 1);
  assert.equal(await hashTree(dirs[0]!), w.hash);
  assert.deepEqual(w.cached(), [w.hash]);
  assert.equal(await w.store(null).find("acme", w.hash), dirs[0]);
});

Deno.test("makePackStore() keeps nothing of a download that is not what was asked for, or that broke", async () => {
  await using w = await world();
  const store = w.store(null);
  await assert.rejects(
    store.fetch("acme", "0".repeat(64)),
    /content hash must be/,
  );
  w.archive = w.archive.slice(0, 50);
  await assert.rejects(store.fetch("acme", w.hash));
  assert.deepEqual(w.cached(), []);
  assert.equal(await store.find("acme", w.hash), undefined);
});

Deno.test("makePackStore() lets no name lead elsewhere", async () => {
  await using w = await world();
  const store = w.store(join(w.dir, "packs"));
  await assert.rejects(store.find("../acme", w.hash), /Cannot look for pack/);
  await assert.rejects(store.find("acme", "../x"), /Cannot look for pack/);
  assert.throws(() => store.fetch("a/b", w.hash), /Cannot look for pack/);
});

Deno.test("makePackStore() removes old versions that nobody has used for a day", async () => {
  await using w = await world();
  const old = join(w.dir, "cache/acme", "1".repeat(64));
  const recent = join(w.dir, "cache/acme", "2".repeat(64));
  for (const dir of [old, recent]) Deno.mkdirSync(dir, { recursive: true });
  const before = new Date(Date.now() - 25 * 3600 * 1000);
  await Deno.utime(old, before, before);
  await w.store(null).fetch("acme", w.hash);
  assert.deepEqual(w.cached().sort(), ["2".repeat(64), w.hash].sort());
});
