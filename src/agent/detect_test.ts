import assert from "node:assert/strict";
import { makeLog, silentLog } from "../log.ts";
import { detectInterpreters } from "./detect.ts";
import { describe, findDescribed, offer } from "./offer.ts";
import { AGENT_DEFAULTS } from "./options.ts";

async function bin(programs: Record<string, string>) {
  const dir = await Deno.makeTempDir();
  for (const [name, body] of Object.entries(programs)) {
    // deno-lint-ignore no-await-in-loop -- few files
    await Deno.writeTextFile(`${dir}/${name}`, `#!/bin/sh\n${body}\n`, {
      mode: 0o755,
    });
  }
  return {
    dir,
    async [Symbol.asyncDispose]() {
      await Deno.remove(dir, { recursive: true });
    },
  };
}

Deno.test("detectInterpreters() finds real interpreters with exact versions", async () => {
  const found = await detectInterpreters();
  for (const { name, path, version, source } of found) {
    if (source === "builtin") continue;
    assert.match(path, /^\//, name);
    assert.match(version ?? "1.0.0", /^\d+\.\d+\.\d+$/, name);
  }
  const shell = found.find(({ name }) => name === "shell");
  assert.ok(shell !== undefined);
  assert.deepEqual(found.find(({ name }) => name === "deno"), {
    name: "deno",
    path: Deno.execPath(),
    version: Deno.version.deno,
    source: "builtin",
  });
});

Deno.test("detectInterpreters() takes the first that answers, reads stderr, and does not take Python 2", async () => {
  await using at = await bin({
    python3: "echo Python 2.7.18",
    python: "echo Python 3.9.1 >&2",
    ruby: "echo 'ruby 3.3.0 (2023-12-25 revision 5124f9ac75) [x86_64-linux]'",
    Rscript: "echo 'Rscript (R) version 4.2.2 (2022-10-31)'",
    node: "exit 1",
    nodejs: "echo v18.19.1",
  });
  const found = await detectInterpreters({ path: at.dir });
  const of = (name: string) => {
    const one = found.find((found) => found.name === name);
    return one && [one.path, one.version];
  };
  // The next place with a python3 is as good as the next name.
  assert.match(String(of("python")![1]), /^3\./);
  assert.notEqual(of("python")![0], `${at.dir}/python3`);
  assert.deepEqual(of("ruby"), [`${at.dir}/ruby`, "3.3.0"]);
  assert.deepEqual(of("r"), [`${at.dir}/Rscript`, "4.2.2"]);
  assert.ok(of("node") !== undefined);
});

Deno.test("detectInterpreters() takes one that hangs as found without version, in time", async () => {
  await using at = await bin({
    ruby: "trap '' TERM; /bin/sleep 60",
    perl: "/bin/sleep 60 & echo '(v5.36.0)'",
  });
  const begun = performance.now();
  const found = await detectInterpreters({ path: at.dir, timeoutMs: 300 });
  const ruby = found.find(({ name }) => name === "ruby");
  assert.deepEqual([ruby?.path, ruby?.version], [`${at.dir}/ruby`, null]);
  assert.equal(found.find(({ name }) => name === "perl")?.version, "5.36.0");
  assert.ok(performance.now() - begun < 5_000);
});

const FOUND = [
  { name: "deno", path: "/d", version: "2.9.6", source: "builtin" as const },
  { name: "native", path: "", version: null, source: "builtin" as const },
  { name: "node", path: "/n", version: "20.19.0", source: "probe" as const },
];

Deno.test("offer() is what was found, or exactly the operator's list by canonical name", () => {
  const context = { rows: [], log: silentLog };
  assert.deepEqual(offer(FOUND, AGENT_DEFAULTS, context).runtimes, [
    "deno",
    "native",
    "node",
  ]);
  const lines: string[] = [];
  const log = makeLog({
    level: "warn",
    format: "text",
    write: (line) => lines.push(line),
  });
  const runtimes = {
    names: ["NodeJS", " python3", ""],
    from: "ATTUNE_WORKER_RUNTIMES",
  };
  const offered = offer(FOUND, { ...AGENT_DEFAULTS, runtimes }, {
    rows: [],
    log,
  });
  assert.deepEqual(offered.runtimes, ["node", "python"]);
  assert.deepEqual(offered.runtime_versions, { node: ["20.19.0"], python: [] });
  assert.deepEqual(offered.detected_interpreters.map(({ name }) => name), [
    "node",
  ]);
  assert.equal(lines.length, 1);
  assert.ok(
    lines[0]!.includes(
      "Runtime python was requested by ATTUNE_WORKER_RUNTIMES but no interpreter was found; offered unverified",
    ),
  );
});

Deno.test("describe() is one line of names, versions and places", () => {
  assert.equal(
    describe(FOUND),
    "deno 2.9.6 (built in), native, node 20.19.0 (/n)",
  );
});

Deno.test("findDescribed() offers runtimes of packs whose interpreter is here", async () => {
  await using at = await bin({ lua: "" });
  const row = (name: string, binary: string) => ({
    ref: `acme.${name}`,
    name,
    aliases: [],
    distributions: {},
    execution_config: { interpreter: { binary } },
    versions: [],
  });
  const rows = [
    row("lua", "lua"),
    row("cobol", "cobol"),
    row("mine", "none"),
    row("python", "lua"),
    row("wasm", ""),
  ];
  const found = await findDescribed(rows, at.dir);
  assert.deepEqual(found.map(({ name, path }) => [name, path]), [[
    "lua",
    `${at.dir}/lua`,
  ], ["mine", ""]]);
});
