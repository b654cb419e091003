import assert from "node:assert/strict";
import { join } from "node:path";
import { agentWorld, writePack } from "../../../tests/support/agent_world.ts";
import type { SpecParts } from "../../../tests/support/fake_control_plane.ts";

/** The same six actions in the language of one runtime. */
export interface RuntimeCase {
  name: string;
  runtime: NonNullable<SpecParts["runtime"]>;
  extension: string;
  /** Programs, by what they do. */
  sources: {
    /** Copies stdin to stdout. */
    cat: string;
    /** Writes `out` to stdout, `err` to stderr and ends with code 3. */
    fail: string;
    /** Prints the working directory and `$ATTUNE_ACTION_NAME`, one a line. */
    where: string;
    /** Prints `up` and waits for ever. */
    hang: string;
    /** Prints `{"n":1}`. */
    json: string;
    /** Writes the file `x` in `$TMPDIR` and in `$ATTUNE_ARTIFACTS_DIR`. */
    write: string;
  };
}

/** What every runtime must do with a real interpreter. */
export function testRuntime(
  { name, runtime, extension, sources }: RuntimeCase,
) {
  Deno.test(`${name} runtime keeps the process contract`, async (t) => {
    await using w = await agentWorld();
    const files = Object.entries(sources).map(([key, source]) => [
      `actions/${key}${extension}`,
      source,
    ]);
    const pack_hash = await writePack(w.dir, "acme", Object.fromEntries(files));
    const start = (key: keyof typeof sources, parts: SpecParts = {}) =>
      w.plane.execute({
        entry_point: `${key}${extension}`,
        inline: false,
        runtime,
        pack_hash,
        ...parts,
      });
    const run = async (key: keyof typeof sources, parts: SpecParts = {}) =>
      await start(key, parts).outcome;

    await t.step("it delivers stdin", async () => {
      const parameters = { a: "é" };
      const { status, result } = await run("cat", { parameters });
      assert.deepEqual([status, result.stdout], ["completed", '{"a":"é"}\n']);
    });
    await t.step("it ends stdin when there is none", async () => {
      const { result } = await run("cat", { parameter_delivery: "env" });
      assert.equal(result.stdout, "");
    });
    await t.step("it keeps both streams and the exit code", async () => {
      const { status, reason, result } = await run("fail");
      assert.deepEqual(
        [status, reason, result.exit_code, result.stdout, result.error],
        ["failed", "error", 3, "out\n", "err"],
      );
    });
    await t.step("it runs in the pack and passes variables", async () => {
      const { result } = await run("where", {
        parameter_delivery: "env",
        parameters: { name: "x y" },
      });
      assert.equal(result.stdout, `${join(w.dir, "packs/acme")}\nx y\n`);
    });
    await t.step("it parses output", async () => {
      const { result } = await run("json", { output_format: "json" });
      assert.deepEqual(result.data, { n: 1 });
    });
    await t.step("it lets the action write where it may", async () => {
      const { status, result } = await run("write");
      assert.deepEqual([status, result.error], ["completed", undefined]);
      assert.deepEqual([...w.plane.uploads.keys()], ["x"]);
    });
    await t.step("it can be cancelled", async () => {
      const work = start("hang");
      await w.plane.seen(() =>
        w.plane.logs.get(`${work.id}.stdout`) === "up\n"
      );
      w.plane.cancel(work.id);
      assert.equal((await work.outcome).status, "cancelled");
    });
    await t.step("it says which file is missing", async () => {
      const { reason } = await w.plane.execute({
        entry_point: `none${extension}`,
        inline: false,
        runtime,
        pack_hash,
      }).outcome;
      assert.equal(reason, "entry_point_missing");
    });
  });
}
