// deno-lint-ignore-file no-await-in-loop -- steps run one after another
import assert from "node:assert/strict";
import { agentWorld, writePack } from "../../../tests/support/agent_world.ts";
import type { SpecParts } from "../../../tests/support/fake_control_plane.ts";
import { denoFlags } from "./deno_flags.ts";

const RUNTIME: NonNullable<SpecParts["runtime"]> = {
  name: "deno",
  ref: "core.deno",
  execution_config: {},
  versions: [],
};

async function world(files: Record<string, string>) {
  const w = await agentWorld();
  const actions = Object.entries(files).map((
    [name, text],
  ) => [`actions/${name}`, text]);
  const pack_hash = await writePack(w.dir, "acme", Object.fromEntries(actions));
  return {
    ...w,
    run: (entry_point: string, parts: SpecParts = {}) =>
      w.plane.execute({
        entry_point,
        inline: false,
        runtime: RUNTIME,
        pack_hash,
        ...parts,
      }).outcome,
  };
}

Deno.test("a Deno action that exports a function is called with parameters and context", async (t) => {
  await using w = await world({
    "show.ts": `import { twice } from "./lib.ts";
export default async function (parameters: Record<string, unknown>, context: Record<string, unknown>) {
  console.log("a log line");
  await Promise.resolve();
  return { parameters, context: Object.keys(context), id: context.execution_id, two: twice(1), left: Deno.env.get("ATTUNE_DENO_ENTRY") ?? null };
}`,
    "lib.ts": "export const twice = (n: number): number => n * 2;",
    "nothing.js": "export default () => {};",
    "fails.mjs": "export default () => { throw new Error('no luck'); };",
    "broken.ts": "export default (",
    "remote.ts":
      'import "https://example.invalid/x.ts";\nexport default () => 1;',
    "npm.ts": 'import "npm:left-pad@1.3.0";\nexport default () => 1;',
    "value.ts": "export default 5;\nconsole.log('script');",
  });
  const parameters = { a: [1, "é"], secret: "s" };
  for (
    const parts of [
      {},
      { parameter_delivery: "file", parameter_format: "yaml" },
      { parameter_delivery: "env", secret_names: ["secret"] },
      { parameter_format: "dotenv" },
    ] as SpecParts[]
  ) {
    await t.step(JSON.stringify(parts), async () => {
      const outcome = await w.run("show.ts", {
        parameters,
        output_format: "json",
        token: "exec-token",
        ...parts,
      });
      assert.deepEqual(outcome.result.data, {
        parameters,
        context: [
          "execution_id",
          "action_ref",
          "pack_ref",
          "attempt",
          "api_url",
          "api_token",
          "artifacts_dir",
          "work_dir",
        ],
        id: outcome.id,
        two: 2,
        left: null,
      });
      const stderr = outcome.logs.find(({ stream }) => stream === "stderr");
      assert.equal(atob(stderr!.data), "a log line\n");
    });
  }
  await t.step("undefined is {}", async () => {
    assert.equal((await w.run("nothing.js")).result.stdout, "{}\n");
  });
  await t.step("a thrown error goes to stderr with its stack", async () => {
    const { reason, result, logs } = await w.run("fails.mjs");
    assert.deepEqual([reason, result.exit_code], ["error", 1]);
    const stderr = atob(logs.find(({ stream }) => stream === "stderr")!.data);
    assert.match(stderr, /Error: no luck\n.*fails\.mjs/);
  });
  await t.step("any other default export is an ordinary script", async () => {
    assert.equal((await w.run("value.ts")).result.stdout, "script\n");
  });
  for (const name of ["broken.ts", "remote.ts", "npm.ts"]) {
    await t.step(`${name} fails and downloads nothing`, async () => {
      const { reason, result } = await w.run(name);
      assert.deepEqual([reason, result.exit_code], ["error", 1]);
    });
  }
});

Deno.test("a Deno action may do what its permissions say, and nothing else", async (t) => {
  const tell = (code: string) =>
    `export default async () => { try { ${code}; return "done"; } catch (e) { return (e as Error).name; } }`;
  await using w = await world({
    "read_etc.ts": tell('await Deno.readTextFile("/etc/hostname")'),
    "read_root.ts": tell(
      'await Deno.readDir("/root")[Symbol.asyncIterator]().next()',
    ),
    "read_pack.ts": tell("await Deno.readTextFile(import.meta.filename!)"),
    "write_pack.ts": tell(
      'await Deno.writeTextFile(import.meta.dirname + "/x", "")',
    ),
    "write_tmp.ts": tell(
      'await Deno.writeTextFile("/tmp/attune-deno-test", "")',
    ),
    "write_own.ts": tell(
      'await Deno.writeTextFile(Deno.env.get("TMPDIR") + "/x", "")',
    ),
    "run.ts": tell('await new Deno.Command("true").output()'),
    "net.ts": tell(
      'await fetch(Deno.env.get("ATTUNE_API_URL") + "/x").then((r) => r.body?.cancel())',
    ),
    "ffi.ts": tell('Deno.dlopen("libc.so.6", {})'),
  });
  const cases: [string, SpecParts["permissions"], string][] = [
    ["read_etc.ts", {}, "done"],
    ["read_root.ts", {}, "NotCapable"],
    ["read_root.ts", { read: true }, "done"],
    ["read_root.ts", { read: ["/root"] }, "done"],
    ["read_pack.ts", { read: false }, "done"],
    ["write_pack.ts", {}, "NotCapable"],
    ["write_pack.ts", { write: ["actions"] }, "done"],
    ["write_tmp.ts", {}, "NotCapable"],
    ["write_own.ts", { write: false }, "done"],
    ["run.ts", {}, "done"],
    ["run.ts", { run: false }, "NotCapable"],
    ["run.ts", { run: [] }, "NotCapable"],
    ["run.ts", { run: ["false"] }, "NotCapable"],
    ["run.ts", { run: ["true"] }, "done"],
    ["net.ts", {}, "done"],
    ["net.ts", { net: false }, "NotCapable"],
    ["net.ts", { net: ["example.com:443"] }, "NotCapable"],
    ["net.ts", { net: ["127.0.0.1"] }, "done"],
    ["ffi.ts", { read: true, run: true }, "NotCapable"],
  ];
  for (const [entry, permissions, want] of cases) {
    await t.step(
      `${entry} ${JSON.stringify(permissions)}: ${want}`,
      async () => {
        const { result } = await w.run(entry, {
          permissions: permissions!,
          output_format: "json",
        });
        assert.equal(result.data, want, String(result.error));
      },
    );
  }
  await t.step(
    "a required sandbox holds where its flags are exact",
    async () => {
      const sandbox = "required";
      const exact = await w.run("read_etc.ts", {
        permissions: { sandbox, run: false, net: ["a.b:1"] },
      });
      assert.equal(exact.status, "completed");
      assert.deepEqual([exact.isolation?.level, exact.isolation?.policy], [
        "partial",
        "required",
      ]);
      for (
        const permissions of [{ sandbox }, { sandbox, run: ["true"] }, {
          sandbox,
          run: false,
          net: ["*:80"],
        }]
      ) {
        assert.equal(
          (await w.run("read_etc.ts", { permissions })).reason,
          "sandbox",
        );
      }
    },
  );
});

Deno.test("denoFlags() writes a comma in a path twice", () => {
  const place = {
    packDir: "/p,q",
    workDir: "/w",
    artifactsDir: "/a",
    host: "/h",
  };
  const { flags } = denoFlags({
    write: ["{pack_dir}/x", "rel", "{env_dir}/gone"],
  }, place);
  assert.ok(flags.includes("--allow-write=/w,/a,/p,,q/x,/p,,q/rel"));
});
