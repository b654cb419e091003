import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import fc from "fast-check";
// @ts-types="@types/tar-stream"
import tar from "tar-stream";
import { ArchiveRefused } from "./archive_refused.ts";
import { ARCHIVE_LIMITS, extractArchive } from "./extract_archive.ts";

type Header = Parameters<tar.Pack["entry"]>[0];
type Entry = [Header | string, string?];

const PACK: Entry = ["pack.yaml", "ref: a\n"];

async function tarOf(entries: Entry[]): Promise<Uint8Array> {
  const pack = tar.pack();
  for (const [header, content] of entries) {
    pack.entry(
      typeof header === "string" ? { name: header } : header,
      content ?? "",
    );
  }
  pack.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of pack) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function streamOf(
  bytes: Uint8Array,
  size = 65_536,
): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at += size));
    },
  });
}

async function withDest<T>(use: (dest: string) => Promise<T>): Promise<T> {
  const dest = await Deno.makeTempDir();
  try {
    return await use(dest);
  } finally {
    await Deno.remove(dest, { recursive: true });
  }
}

async function namesIn(dir: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    names.push(name);
    if (isDirectory) {
      names.push(
        ...(await namesIn(join(dir, name))).map((n) => `${name}/${n}`),
      );
    }
  }
  return names.sort();
}

/** Expects a refusal with this reason, and nothing left in the destination. */
async function refused(
  archive: Uint8Array,
  why: RegExp,
  limits = ARCHIVE_LIMITS,
): Promise<void> {
  await withDest(async (dest) => {
    await assert.rejects(
      extractArchive(streamOf(archive), dest, limits),
      (error) => {
        assert.ok(error instanceof ArchiveRefused, String(error));
        assert.match(error.message, why);
        assert.match(error.message, /^Cannot accept this archive: /);
        return true;
      },
    );
    assert.deepEqual(await namesIn(dest), []);
  });
}

const GOOD: [string, Entry[], string[]][] = [
  ["a pack at the root", [PACK, ["actions/a.sh"]], [
    "actions",
    "actions/a.sh",
    "pack.yaml",
  ]],
  ["names that begin with ./", [
    [{ name: "./", type: "directory" }],
    ["./pack.yaml", "ref: a"],
    [{ name: "./lib", type: "directory" }],
  ], ["lib", "pack.yaml"]],
  ["one top directory, which is taken off", [
    [{ name: "acme-1.0/", type: "directory" }],
    ["acme-1.0/pack.yaml", "ref: a"],
    ["acme-1.0/acme-1.0/x"],
  ], ["acme-1.0", "acme-1.0/x", "pack.yaml"]],
  ["a directory named twice", [
    PACK,
    [{ name: "lib", type: "directory" }],
    ["lib/x"],
    [{ name: "lib/", type: "directory" }],
  ], ["lib", "lib/x", "pack.yaml"]],
  ["double slashes", [PACK, ["lib//x"]], ["lib", "lib/x", "pack.yaml"]],
];
for (const [what, entries, names] of GOOD) {
  Deno.test(`extractArchive() accepts ${what}`, async () => {
    await withDest(async (dest) => {
      await extractArchive(streamOf(gzipSync(await tarOf(entries))), dest);
      assert.deepEqual(await namesIn(dest), names);
    });
  });
}

Deno.test("extractArchive() keeps the executable bit and no other mode", async () => {
  const archive = gzipSync(
    await tarOf([
      PACK,
      [{ name: "a", mode: 0o4777 }],
      [{ name: "b", mode: 0o600 }],
      [{ name: "c", mode: 0o100 }],
      [{ name: "d", mode: 0o1000, type: "directory" }],
    ]),
  );
  await withDest(async (dest) => {
    await extractArchive(streamOf(archive), dest);
    const mode = async (name: string) =>
      (await Deno.stat(join(dest, name))).mode! & 0o7777;
    assert.deepEqual(
      await Promise.all(["a", "b", "c", "d"].map(mode)),
      [0o755, 0o644, 0o755, 0o755],
    );
  });
});

Deno.test("extractArchive() keeps every byte, however the stream is cut", async () => {
  const content = "0123456789".repeat(30_000);
  const archive = gzipSync(await tarOf([PACK, ["big", content]]));
  for (const size of [1, 511, 513, 1 << 20]) {
    // deno-lint-ignore no-await-in-loop -- each its own destination
    await withDest(async (dest) => {
      await extractArchive(streamOf(archive, size), dest);
      assert.equal(await Deno.readTextFile(join(dest, "big")), content);
    });
  }
});

Deno.test("extractArchive() reads what tar writes", async () => {
  await withDest(async (source) => {
    await Deno.writeTextFile(join(source, "pack.yaml"), "ref: a");
    const deep = join(source, "d".repeat(70), "e".repeat(50));
    await Deno.mkdir(deep, { recursive: true });
    await Deno.writeTextFile(join(deep, "ü"), "x");
    for (const format of ["gnu", "pax", "ustar"]) {
      // deno-lint-ignore no-await-in-loop -- one after another
      const { stdout, success } = await new Deno.Command("tar", {
        args: ["-cz", `--format=${format}`, "-C", source, "."],
      }).output();
      assert.equal(success, true);
      // deno-lint-ignore no-await-in-loop -- one after another
      await withDest(async (dest) => {
        await extractArchive(streamOf(stdout), dest);
        assert.deepEqual(await namesIn(dest), await namesIn(source));
      });
    }
  });
});

const type = (type: NonNullable<Header["type"]>, name = "x"): Entry => [
  { name, type, linkname: "/etc/passwd", size: 0 },
];
const BAD: [string, Entry[], RegExp][] = [
  ["an absolute path", [PACK, ["/etc/x"]], /"\/etc\/x" is an absolute path$/],
  [
    "a path that climbs",
    [PACK, ["a/../../x"]],
    /"a\/\.\.\/\.\.\/x" climbs out with "\.\."$/,
  ],
  ["a path that only seems to climb", [PACK, ["a/../x"]], /climbs out/],
  [
    "a symbolic link",
    [PACK, type("symlink")],
    /"x" is a symlink; only files and directories are allowed$/,
  ],
  ["a hard link", [PACK, type("link")], /"x" is a link; only files/],
  ["a device", [PACK, type("character-device")], /is a character-device/],
  ["a block device", [PACK, type("block-device")], /is a block-device/],
  ["a pipe", [PACK, type("fifo")], /is a fifo/],
  ["a file twice", [PACK, ["a/b"], ["a//b"]], /"a\/b" is in it twice$/],
  ["pack.yaml twice", [PACK, PACK], /"pack\.yaml" is in it twice$/],
  [
    "a file that is a directory too",
    [PACK, ["a"], ["a/b"]],
    /"a" is both a file and a directory$/,
  ],
  [
    "a directory that is a file too",
    [PACK, ["a/b"], ["a"]],
    /"a" is in it twice$/,
  ],
  [
    "a line break in a name",
    [PACK, ["a\nb"]],
    /"a\\nb" has control characters/,
  ],
  [
    "no pack.yaml",
    [["README", "x"]],
    /no pack\.yaml at its root or in its one top directory$/,
  ],
  ["no entries", [], /no pack\.yaml/],
  ["two top directories", [["a/pack.yaml"], ["b/x"]], /no pack\.yaml/],
  ["pack.yaml two levels down", [["a/b/pack.yaml"]], /no pack\.yaml/],
  ["a name of 300 bytes", [PACK, ["é".repeat(150)]], /is too long for a path$/],
  [
    "a path of 2000 bytes",
    [PACK, ["a/".repeat(1000) + "x"]],
    /is too long for a path$/,
  ],
];
for (const [what, entries, why] of BAD) {
  Deno.test(`extractArchive() refuses ${what}`, async () => {
    await refused(gzipSync(await tarOf(entries)), why);
  });
}

Deno.test("extractArchive() refuses a name that is not UTF-8", async () => {
  const archive = await tarOf([PACK, ["xyz"]]);
  const at = Buffer.from(archive).indexOf("xyz");
  archive[at] = 0xff;
  const header = archive.subarray(at, at + 512);
  header.set(new TextEncoder().encode("        "), 148);
  const sum = header.reduce((a, b) => a + b, 0);
  header.set(
    new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `),
    148,
  );
  await refused(gzipSync(archive), /is not valid UTF-8$/);
});

Deno.test("extractArchive() keeps to its limits", async () => {
  const limits = {
    archiveBytes: 10_000,
    totalBytes: 3000,
    fileBytes: 2000,
    entries: 5,
  };
  const make = async (entries: Entry[]) => gzipSync(await tarOf(entries));
  await refused(
    await make([PACK, ["a", "x".repeat(2001)]]),
    /"a" has 2001 bytes; one file may have 2000$/,
    limits,
  );
  await refused(
    await make([PACK, ["a", "x".repeat(1999)], ["b", "x".repeat(1999)]]),
    /the files have more than 3000 bytes together$/,
    limits,
  );
  await refused(
    await make([PACK, ["a/b/c/d/e"]]),
    /more than 5 files and directories$/,
    limits,
  );
  await refused(
    await make([PACK, ["a"], ["b"], ["c"], ["d"], ["e"]]),
    /more than 5 files and directories$/,
    limits,
  );
  const random = crypto.getRandomValues(new Uint8Array(12_000));
  await refused(
    new Uint8Array([...(await make([PACK])).subarray(0, 100), ...random]),
    /./,
    limits,
  );
  await withDest(async (dest) => {
    const exact = await make([["pack.yaml", "x".repeat(1000)], [
      "a",
      "x".repeat(2000),
    ]]);
    await extractArchive(streamOf(exact), dest, limits);
  });
});

Deno.test("extractArchive() stops a gzip bomb while it is inflated", async () => {
  const limits = { ...ARCHIVE_LIMITS, totalBytes: 1000, entries: 1 };
  // Zero blocks are no entries: only the bytes that come out can stop them.
  await refused(
    gzipSync(new Uint8Array(20_000_000)),
    /the uncompressed archive has more than \d+ bytes$/,
    limits,
  );
  const claims = await tarOf([PACK, ["zeros", "0".repeat(30_000_000)]]);
  await refused(
    gzipSync(claims),
    /"zeros" has 30000000 bytes; one file may have 100$/,
    {
      ...limits,
      fileBytes: 100,
      entries: 10,
    },
  );
});

Deno.test("extractArchive() refuses what is no complete tar.gz", async () => {
  const good = gzipSync(
    await tarOf([PACK, [
      "a",
      crypto.getRandomValues(new Uint8Array(9000)).toHex(),
    ]]),
  );
  const cases = [
    new Uint8Array(),
    new TextEncoder().encode("hello"),
    good.subarray(0, 9000),
    good.subarray(0, good.length - 4),
    gzipSync("not a tar file, but long enough".repeat(100)),
    gzipSync((await tarOf([PACK, ["a", "x".repeat(5000)]])).subarray(0, 3000)),
  ];
  for (const archive of cases) {
    // deno-lint-ignore no-await-in-loop -- each its own destination
    await refused(
      new Uint8Array(archive),
      /it is not a complete tar\.gz file$|no pack\.yaml/,
    );
  }
});

Deno.test("extractArchive() does not touch a destination that is not empty", async () => {
  await withDest(async (dest) => {
    await Deno.writeTextFile(join(dest, "mine"), "x");
    const archive = gzipSync(await tarOf([PACK]));
    await assert.rejects(
      extractArchive(streamOf(archive), dest),
      /^Error: Cannot extract into ".*" as it is not empty: it has "mine"$/,
    );
    assert.deepEqual(await namesIn(dest), ["mine"]);
  });
});

Deno.test("extractArchive() passes a failure of its source on and leaves nothing", async () => {
  await withDest(async (dest) => {
    const archive = gzipSync(await tarOf([PACK, ["a", "x".repeat(100_000)]]));
    let sent = false;
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent) return controller.error(new Error("connection lost"));
        sent = true;
        controller.enqueue(new Uint8Array(archive.subarray(0, 60)));
      },
    });
    await assert.rejects(extractArchive(broken, dest), /connection lost/);
    assert.deepEqual(await namesIn(dest), []);
  });
});

Deno.test("extractArchive() survives damaged archives", async () => {
  const whole = await tarOf([PACK, ["lib/a", "x".repeat(700)], [{
    name: "é".repeat(80),
  }, "y"]]);
  const flips = fc.array(
    fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })),
    { minLength: 1, maxLength: 6 },
  );
  const outside = await Deno.makeTempDir();
  try {
    await fc.assert(
      fc.asyncProperty(flips, fc.nat(600), async (changes, cut) => {
        const bytes = new Uint8Array(whole).subarray(0, whole.length - cut);
        for (const [at, value] of changes) bytes[at] = value;
        const dest = join(outside, "dest");
        try {
          await extractArchive(streamOf(gzipSync(bytes)), dest);
        } catch (error) {
          assert.ok(error instanceof ArchiveRefused, String(error));
          assert.deepEqual(await namesIn(dest), []);
        }
        assert.deepEqual(
          (await Array.fromAsync(Deno.readDir(outside))).map((e) => e.name),
          ["dest"],
        );
        await Deno.remove(dest, { recursive: true });
      }),
      { numRuns: 150 },
    );
  } finally {
    await Deno.remove(outside, { recursive: true });
  }
});
