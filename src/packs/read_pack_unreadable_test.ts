import assert from "node:assert/strict";

const READ_PACK = new URL("./read_pack.ts", import.meta.url).href;

/**
 * The reading of a pack by a process without the power to read everything:
 * root gives that up in a user namespace of its own.
 */
async function readUnprivileged(dir: string) {
  const program = `const { readPack } = await import("${READ_PACK}");
    console.log(JSON.stringify(await readPack("${dir}")));`;
  const deno = [Deno.execPath(), "eval", program];
  const [command, ...args] = Deno.uid() === 0
    ? ["unshare", "-U", ...deno]
    : deno;
  const { stdout, stderr } = await new Deno.Command(command!, { args })
    .output();
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  return JSON.parse(text) as
    | { ok: true }
    | { ok: false; errors: { message: string }[] };
}

for (const file of ["pack.yaml", "actions/deploy.yaml"]) {
  Deno.test(`readPack() names ${file} when it may not read it`, async () => {
    const parent = await Deno.makeTempDir({ prefix: "attune-unreadable-" });
    try {
      const dir = `${parent}/acme`;
      await Deno.mkdir(`${dir}/actions`, { recursive: true });
      await Deno.writeTextFile(`${dir}/pack.yaml`, 'ref: acme\nversion: "1"\n');
      await Deno.writeTextFile(
        `${dir}/actions/deploy.yaml`,
        "ref: acme.deploy\nrunner_type: shell\nentry_point: deploy.sh\n",
      );
      await Deno.writeTextFile(`${dir}/actions/deploy.sh`, ":\n");
      assert.equal((await readUnprivileged(dir)).ok, true);
      await Deno.chmod(`${dir}/${file}`, 0o000);
      const reading = await readUnprivileged(dir);
      assert.ok(!reading.ok);
      assert.match(
        reading.errors.map(({ message }) => message).join("\n"),
        new RegExp(`^acme/${file}:1: .*permission`, "i"),
      );
    } finally {
      await Deno.remove(parent, { recursive: true });
    }
  });
}
