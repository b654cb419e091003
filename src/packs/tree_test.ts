import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { archiveTree } from "./archive_tree.ts";
import { extractArchive } from "./extract_archive.ts";
import { treeFiles } from "./tree_files.ts";
import { hashTree } from "./tree_hash.ts";

/** A temporary directory with these files; a name that ends in `!` is executable. */
async function tree(files: Record<string, string>) {
  const dir = await Deno.makeTempDir();
  for (const [name, content] of Object.entries(files)) {
    const path = join(dir, name.replace(/!$/, ""));
    // deno-lint-ignore no-await-in-loop -- few small files
    await Deno.mkdir(dirname(path), { recursive: true });
    // deno-lint-ignore no-await-in-loop -- few small files
    await Deno.writeTextFile(path, content);
    // deno-lint-ignore no-await-in-loop -- few small files
    await Deno.chmod(path, name.endsWith("!") ? 0o755 : 0o644);
  }
  return {
    dir,
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

const FILES = {
  "pack.yaml": "ref: a\n",
  "actions/run!": "#!/bin/sh\n",
  "actions/é/ü.txt": "x".repeat(200_000),
  [`lib/${"long".repeat(50)}/${"name".repeat(40)}.py`]: "1",
  "lib/empty": "",
};

async function bytesOf(stream: ReadableStream<Uint8Array>) {
  return new Uint8Array(await new Response(stream as BodyInit).arrayBuffer());
}

Deno.test("hashTree() depends on paths, contents and executable bits only", async () => {
  await using a = await tree(FILES);
  await using b = await tree(
    Object.fromEntries(Object.entries(FILES).reverse()),
  );
  const hash = await hashTree(a.dir);
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.equal(await hashTree(b.dir), hash);
  await Deno.mkdir(join(b.dir, "nothing", "here"), { recursive: true });
  await Deno.chmod(join(b.dir, "pack.yaml"), 0o600);
  assert.equal(await hashTree(b.dir), hash);
  await Deno.chmod(join(b.dir, "pack.yaml"), 0o700);
  assert.notEqual(await hashTree(b.dir), hash);
  await Deno.chmod(join(b.dir, "pack.yaml"), 0o600);
  await Deno.writeTextFile(join(b.dir, "lib/empty"), "1");
  assert.notEqual(await hashTree(b.dir), hash);
  await Deno.writeTextFile(join(b.dir, "lib/empty"), "");
  await Deno.rename(join(b.dir, "lib/empty"), join(b.dir, "lib/empt"));
  assert.notEqual(await hashTree(b.dir), hash);
});

Deno.test("hashTree() cannot be fooled by content that looks like another file", async () => {
  await using a = await tree({ a: "1", b: "2" });
  await using b = await tree({ a: "1b\0-\x002" });
  assert.notEqual(await hashTree(a.dir), await hashTree(b.dir));
});

Deno.test("hashTree() has a value that other programs can compute", async () => {
  await using a = await tree({ "b!": "2", a: "" });
  const digest = async (bytes: Uint8Array<ArrayBuffer>) =>
    new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const text = (s: string) => new TextEncoder().encode(s);
  const whole = new Uint8Array([
    ...text("a\0-\0"),
    ...await digest(text("")),
    ...text("b\0x\0"),
    ...await digest(text("2")),
  ]);
  assert.equal(await hashTree(a.dir), (await digest(whole)).toHex());
});

Deno.test("treeFiles() lists files in byte order and leaves caches and version control out", async () => {
  await using a = await tree({
    "b/x": "",
    "b.x": "",
    "B": "",
    ".git/config": "",
    "lib/__pycache__/m.pyc": "",
    ".hidden": "",
    "ä": "",
  });
  const { files, leftOut } = await treeFiles(a.dir);
  assert.deepEqual(files.map(({ path }) => path), [
    ".hidden",
    "B",
    "b.x",
    "b/x",
    "ä",
  ]);
  assert.deepEqual(leftOut, []);
});

Deno.test("treeFiles() follows links inside the pack and leaves the others out", async () => {
  await using a = await tree({ "lib/m.py!": "m", "actions/x": "x" });
  await using outside = await tree({ secret: "s" });
  const link = (target: string, name: string) =>
    Deno.symlink(target, join(a.dir, name));
  await link("lib/m.py", "file_link");
  await link("lib", "dir_link");
  await link("..", "lib/up");
  await link(".", "self");
  await link("round", "round");
  await link("missing", "dangling");
  await link(join(outside.dir, "secret"), "out");
  await link(outside.dir, "out_dir");
  await new Deno.Command("mkfifo", { args: [join(a.dir, "pipe")] }).output();
  const { files, leftOut } = await treeFiles(a.dir);
  assert.deepEqual(files.map(({ path, executable }) => [path, executable]), [
    ["actions/x", false],
    ["dir_link/m.py", true],
    ["file_link", true],
    ["lib/m.py", true],
  ]);
  assert.deepEqual(
    Object.fromEntries(leftOut.map(({ path, why }) => [path, why])),
    {
      dangling: "a symbolic link that leads nowhere",
      "dir_link/up": "a symbolic link to its own parent",
      "lib/up": "a symbolic link to its own parent",
      out: "a symbolic link that leads out of the pack",
      out_dir: "a symbolic link that leads out of the pack",
      pipe: "neither a file nor a directory",
      round: "a symbolic link that leads nowhere",
      self: "a symbolic link to its own parent",
    },
  );
});

Deno.test("archiveTree() and extractArchive() give the tree back", async () => {
  await using a = await tree(FILES);
  await Deno.symlink("pack.yaml", join(a.dir, "linked"));
  await using b = await tree({});
  await extractArchive(archiveTree(a.dir), b.dir);
  assert.equal(await hashTree(b.dir), await hashTree(a.dir));
  const mode = async (path: string) =>
    (await Deno.stat(join(b.dir, path))).mode! & 0o777;
  assert.equal(await mode("pack.yaml"), 0o644);
  assert.equal(await mode("actions/run"), 0o755);
  assert.equal(await mode("actions/é"), 0o755);
  assert.equal((await Deno.lstat(join(b.dir, "linked"))).isFile, true);
});

Deno.test("archiveTree() gives equal bytes for equal trees", async () => {
  await using a = await tree(FILES);
  await using b = await tree(
    Object.fromEntries(Object.entries(FILES).reverse()),
  );
  await Deno.utime(join(b.dir, "pack.yaml"), 1, 1);
  assert.deepEqual(
    await bytesOf(archiveTree(a.dir)),
    await bytesOf(archiveTree(b.dir)),
  );
});

Deno.test("archiveTree() and hashTree() put descriptors from elsewhere into runtimes/", async () => {
  await using a = await tree({ "pack.yaml": "ref: a" });
  await using runtimes = await tree({ "x.yaml": "ref: x", "host.js": "1" });
  await using whole = await tree({
    "pack.yaml": "ref: a",
    "runtimes/x.yaml": "ref: x",
  });
  const options = { runtimesDir: runtimes.dir };
  assert.equal(await hashTree(a.dir, options), await hashTree(whole.dir));
  assert.deepEqual(
    await bytesOf(archiveTree(a.dir, options)),
    await bytesOf(archiveTree(whole.dir)),
  );
});

Deno.test("archiveTree() is read by tar", async () => {
  await using a = await tree(FILES);
  const child = new Deno.Command("tar", {
    args: ["-tzf", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  await archiveTree(a.dir).pipeTo(child.stdin);
  const { success, stdout } = await output;
  assert.equal(success, true);
  const names = new TextDecoder().decode(stdout).trim().split("\n");
  assert.equal(names.length, Object.keys(FILES).length);
});

Deno.test("archiveTree() closes what it opened when its reader leaves early", async () => {
  await using a = await tree({ big: "y".repeat(5_000_000), "pack.yaml": "" });
  const reader = archiveTree(a.dir).getReader();
  await reader.read();
  await reader.cancel();
});

Deno.test("archiveTree() errors for a directory that does not exist", async () => {
  await assert.rejects(
    bytesOf(archiveTree("/tmp/no/such/pack")),
    /No such file|NotFound/,
  );
});
