import assert from "node:assert/strict";
import { join } from "node:path";
import type { PackReading, ReadPackOptions } from "./read_pack.ts";
import { readPack } from "./read_pack.ts";
import { testPack } from "./test_pack.ts";
import { hashTree } from "./tree_hash.ts";

type Good = Extract<PackReading, { ok: true }>;

/** Reads a pack that must load. */
async function read(
  files: Parameters<typeof testPack>[0],
  options: ReadPackOptions = {},
): Promise<Good> {
  await using made = await testPack(files);
  const reading = await readPack(made.dir, options);
  if (!reading.ok) {
    assert.fail(reading.errors.map(({ message }) => message).join("\n"));
  }
  return reading;
}

const messages = ({ warnings }: Good) => warnings.map(({ message }) => message);

Deno.test("readPack() fills in every default of a pack", async () => {
  const { pack } = await read({});
  assert.deepEqual(pack, {
    ref: "acme",
    version: "1.0",
    label: "acme",
    description: null,
    author: null,
    email: null,
    enabled: undefined,
    is_standard: false,
    conf_schema: {},
    config: {},
    meta: {},
    tags: [],
    runtime_deps: [],
    dependencies: [],
    testing: null,
    permission_sets: [],
    runtimes: [],
    triggers: [],
    actions: [],
    rules: [],
    sensors: [],
    skipped_refs: [],
  });
});

Deno.test("readPack() takes the other spellings of pack.yaml", async () => {
  const reading = await read({
    "pack.yaml": 'ref: acme\nversion: "2"\nname: Acme\nis_standard: true\n' +
      "config_schema: {a: {type: string}, b:}\nmetadata: {license: MIT, own: 1}\n" +
      "keywords: [x]\nlicense: BSD\nhomepage: https://x\nenabled: false\n" +
      "python: 3.12\ntesting: {enabled: true, runners: {a: {type: script, timeout: 5}}}\nx-any: 1\n",
  }, { bundled: true });
  const { pack } = reading;
  assert.equal(pack.label, "Acme");
  assert.equal(pack.is_standard, true);
  assert.deepEqual(pack.conf_schema, { a: { type: "string" }, b: {} });
  assert.deepEqual(pack.meta, {
    license: "MIT",
    homepage: "https://x",
    own: 1,
  });
  assert.deepEqual(pack.tags, ["x"]);
  assert.equal(pack.enabled, false);
  assert.deepEqual(pack.testing, {
    enabled: true,
    runners: { a: { type: "script", timeout: 5 } },
  });
  assert.deepEqual(messages(reading), [
    "acme/pack.yaml:11: 'python' is a number and is taken as \"3.12\"; put it in quotes",
  ]);
});

Deno.test("readPack() names the pack in messages, wherever it is read from", async () => {
  await using made = await testPack({
    "pack.yaml": "ref: other\nversion: 1\n",
    "actions/a.yaml": "ref: a\n",
  });
  const reading = await readPack(made.dir);
  assert.ok(reading.ok);
  assert.deepEqual(messages(reading), [
    "other/pack.yaml:2: 'version' is a number and is taken as \"1\"; put it in quotes",
    "other/actions/a.yaml:1: 'entry_point' is not given, so there is nothing to run",
  ]);
});

Deno.test("readPack() fills in every default of an action", async () => {
  const { pack } = await read({
    "actions/a.yaml": "ref: deploy_web-app\nentry_point: a.sh\n",
    "actions/a.sh": "",
  });
  assert.deepEqual(pack.actions, [{
    ref: "acme.deploy_web-app",
    label: "Deploy Web App",
    description: null,
    enabled: undefined,
    tags: [],
    meta: {},
    examples: null,
    file: "acme/actions/a.yaml",
    runtime: "shell",
    runtime_version: null,
    required_worker_runtimes: {},
    entry_point: "a.sh",
    workflow_file: null,
    parameters: {},
    output: {},
    parameter_delivery: "stdin",
    parameter_format: "json",
    output_format: "text",
    output_strict: false,
    timeout: null,
    retry: null,
    idempotent: false,
    resources: {},
    permissions: {},
    worker_selector: {},
    worker_tolerations: [],
    worker_affinity: { required: [], preferred: [], anti_affinity: [] },
    log_retention_policy: "days",
    log_retention_limit: 7,
    artifact_retention_policy: null,
    artifact_retention_limit: null,
    default_execution_permission_set_refs: [],
    accesses_mcp: false,
    wasm: {},
  }]);
});

Deno.test("readPack() keeps what an action says", async () => {
  const { pack, warnings } = await read({
    "actions/a.yaml": `
ref: acme.sync
name: Sync it
enabled: false
runner_type: Python3
runtime_version: ">=3.11 <4"
required_worker_runtimes: {nodejs: "*", sh: ">=5"}
entrypoint: a.py
output_format: json
timeout_seconds: 0.5
retry: {max_attempts: 4, on: [lost]}
resources: {memory_mb: 512, output_mb: 0.5}
permissions: {net: ["inventory.example.com:443", "*:53"], run: false, write: ["{work_dir}/x", /var/x], sandbox: require}
worker_tolerations: [{key: gpu}, {key: a, operator: exists, effect: no_schedule}]
worker_affinity: {required: [{match_expressions: [{key: zone, operator: in, values: [a]}]}]}
default_execution_permission_set_refs: [standard, core.viewer]
wasm: {pooled: true}
parameters:
  site:  {type: string, required: true}
  token: {type: string, secret: true}
output_schema: {type: object, properties: {changed: {type: integer}}}
`,
    "actions/a.py": "",
  });
  assert.deepEqual(warnings, []);
  const [action] = pack.actions;
  assert.ok(action);
  assert.equal(action.label, "Sync it");
  assert.equal(action.enabled, false);
  assert.equal(action.runtime, "python");
  assert.equal(action.runtime_version, ">=3.11 <4");
  assert.deepEqual(action.required_worker_runtimes, {
    node: "*",
    shell: ">=5",
  });
  assert.equal(action.timeout, 0.5);
  assert.deepEqual(action.retry, {
    max_attempts: 4,
    delay: 1,
    backoff: "constant",
    max_delay: 300,
    on: ["lost"],
  });
  assert.deepEqual(action.resources, { memory_mb: 512, output_mb: 0.5 });
  assert.deepEqual(action.permissions, {
    run: false,
    net: ["inventory.example.com:443", "*:53"],
    write: ["{work_dir}/x", "/var/x"],
    sandbox: "required",
  });
  assert.deepEqual(action.worker_tolerations, [
    { key: "gpu", operator: "equal" },
    { key: "a", operator: "exists", effect: "no_schedule" },
  ]);
  assert.deepEqual(action.worker_affinity.required, [{
    match_labels: {},
    match_expressions: [{ key: "zone", operator: "in", values: ["a"] }],
  }]);
  assert.deepEqual(action.wasm, { pooled: true });
  assert.deepEqual(Object.keys(action.parameters), ["site", "token"]);
});

Deno.test("readPack() reads YAML 1.2: on is a word, anchors and merges work, keys stay as written", async () => {
  const { pack, warnings } = await read({
    "actions/a.yaml":
      "ref: a\nentry_point: a.sh\nretry: {max_attempts: 2, on: [failed]}\n" +
      'x-base: &base {a: 1, b: 2}\nmeta: {<<: *base, b: 3, on: off, 1.0: x, __proto__: y, "<<": z}\n',
    "actions/a.sh": "",
  });
  assert.deepEqual(warnings, []);
  const [action] = pack.actions;
  assert.deepEqual(action?.retry?.on, ["failed"]);
  assert.equal(
    JSON.stringify(action?.meta),
    '{"b":3,"on":"off","1.0":"x","__proto__":"y","<<":"z","a":1}',
  );
});

Deno.test("readPack() reads CRLF and a byte order mark, with the right lines", async () => {
  const reading = await read({
    "actions/a.yaml":
      "\ufeffref: a\r\nentry_point: a.sh\r\nlabel: >\r\n  x\r\n  y\r\nfoo: 1\r\n",
    "actions/a.sh": "",
  });
  assert.equal(reading.pack.actions[0]?.label, "x y\n");
  assert.deepEqual(messages(reading), [
    "acme/actions/a.yaml:6: unknown key 'foo'",
  ]);
});

Deno.test("readPack() reads files in byte order, .yml too, and skips . and _", async () => {
  const { pack } = await read({
    "triggers/b.yaml": "ref: b\n",
    "triggers/B.yml": "ref: c\n",
    "triggers/ä.yaml": "ref: d\n",
    "triggers/.a.yaml": "ref: e\n",
    "triggers/_a.yaml": "ref: f\n",
    "triggers/deep/a.yaml": "ref: g\n",
    "triggers/a.json": "{}",
    "triggers/x.yaml": null,
  });
  assert.deepEqual(pack.triggers.map(({ ref }) => ref), [
    "acme.c",
    "acme.b",
    "acme.d",
  ]);
});

Deno.test("readPack() chooses the runtime of an action", async () => {
  const files: Record<string, string> = {
    "runtimes/lua.yaml":
      "ref: acme.lua\naliases: [LuaJIT]\nexecution_config: {interpreter: {binary: lua}, file_extension: lua}\n",
  };
  const cases: [string, string, string][] = [
    ["runner_type: core.action.nodejs\nentry_point: x.py\n", "x.py", "node"],
    ["runner_type: ' BASH '\nentry_point: x.py\n", "x.py", "shell"],
    ["runner_type: luajit\nentry_point: x.py\n", "x.py", "lua"],
    ["runner_type: acme.lua\nentry_point: x.py\n", "x.py", "lua"],
    ["runner_type: ml\nentry_point: x.py\n", "x.py", "custom-ml"],
    ["runner_type: Who\nentry_point: x.py\n", "x.py", "Who"],
    ["entry_point: x.lua\n", "x.lua", "lua"],
    ["entry_point: x.ml\n", "x.ml", "custom-ml"],
    ["entry_point: x.mjs\n", "x.mjs", "node"],
    ["entry_point: x.R\n", "x.R", "r"],
    ["entry_point: x.wasm\n", "x.wasm", "wasm"],
    ["entry_point: prog\n", "prog!", "native"],
    ["entry_point: script\n", "script!#", "shell"],
    ["entry_point: plain\n", "plain", "shell"],
    ["entry_point: x.unknown\n", "x.unknown!", "shell"],
  ];
  for (const [index, [yaml, file]] of cases.entries()) {
    const ref = `a${String(index).padStart(2, "0")}`;
    files[`actions/${ref}.yaml`] = `ref: ${ref}\n${yaml}`;
    const script = file.endsWith("#");
    files[`actions/${file.replace(/#$/, "")}`] = script
      ? "#!/bin/sh\n"
      : "\x7fELF";
  }
  const { pack } = await read(files, {
    known: {
      runtimes: [{
        ref: "ml.custom-ml",
        name: "custom-ml",
        aliases: ["ml"],
        file_extension: ".ml",
      }],
    },
  });
  assert.deepEqual(
    pack.actions.map(({ runtime }) => runtime),
    cases.map(([, , runtime]) => runtime),
  );
});

Deno.test("readPack() chooses delivery and format: native takes the environment", async () => {
  const { pack } = await read({
    "actions/a.yaml":
      "ref: a\nrunner_type: standalone\nentry_point: p\nparameter_format: yaml\n",
    "actions/b.yaml":
      "ref: b\nrunner_type: native\nentry_point: p\nparameter_delivery: stdin\nparameter_format: yaml\n",
    "actions/c.yaml": "ref: c\nentry_point: p\n",
    "actions/d.yaml":
      "ref: d\nrunner_type: shell\nentry_point: p\nparameter_delivery: file\n",
    "actions/p!": "\x7fELF",
  });
  assert.deepEqual(
    pack.actions.map((a) => [a.parameter_delivery, a.parameter_format]),
    [["env", "json"], ["stdin", "yaml"], ["env", "json"], ["file", "json"]],
  );
});

Deno.test("readPack() moves older places of execution_config, and lower-cases aliases", async () => {
  const { pack, warnings } = await read({
    "runtimes/r.yaml": `
ref: acme.r2
name: Ruby2
aliases: [RB2]
distributions:
  min_version: "3"
  verification: {commands: [{binary: r, pattern: "x"}]}
execution_config:
  interpreter: {binary: r, arguments: ["-x"]}
  file_extension: rb
  environment: {env_type: gems, install_command: bundle install, dependency_file: Gemfile}
  env_vars: {A: x, B: {value: "{env_dir}", operation: append}}
versions: [{version: 3.10, execution_config: {}}]
`,
  });
  assert.equal(warnings.length, 1);
  assert.deepEqual(pack.runtimes, [{
    ref: "acme.r2",
    name: "ruby2",
    label: null,
    description: null,
    aliases: ["rb2"],
    distributions: {
      min_version: "3",
      verification: {
        commands: [{
          binary: "r",
          args: [],
          exit_code: 0,
          pattern: "x",
          priority: 100,
          optional: false,
        }],
      },
    },
    installation: null,
    execution_config: {
      interpreter: { file_extension: ".rb", binary: "r", args: ["-x"] },
      environment: { env_type: "gems" },
      dependencies: {
        manifest_file: "Gemfile",
        install_command: "bundle install",
      },
      env_vars: { A: "x", B: { value: "{env_dir}", operation: "append" } },
    },
    versions: [{
      version: "3.10",
      is_default: false,
      distributions: {},
      execution_config: {},
      meta: {},
    }],
    file: "acme/runtimes/r.yaml",
  }]);
});

Deno.test("readPack() decides between poll and daemon", async () => {
  const polls = "def poll_sensor(config): return []\n";
  const cases: [string, string, string, string][] = [
    ["entry_point: a.py\n", "a.py", polls, "poll"],
    [
      "entry_point: b.py\n",
      "b.py",
      "# poll_sensor\n'''x'''\nprint('#')\n",
      "daemon",
    ],
    ["entry_point: c.py\n", "c.py", "x = '#'; poll_sensor = 1\n", "poll"],
    [
      "entry_point: d.js\n",
      "d.js",
      "// poll_sensor\n/* poll_sensor */ const my_poll_sensor = 1\n",
      "daemon",
    ],
    [
      "entry_point: e.ts\n",
      "e.ts",
      "export const poll_sensor = () => `//`;\n",
      "poll",
    ],
    ["entry_point: f.sh\n", "f.sh", "poll_sensor\n", "daemon"],
    ["entry_point: g.sh\npoll_interval: 9\n", "g.sh", "", "poll"],
    ["entry_point: h.py\npoll_interval: 9\n", "h.py", "x = 1", "daemon"],
    [
      "entry_point: i.py\npoll_interval: 9\nmode: poll\n",
      "i.py",
      "x = 1",
      "poll",
    ],
    ["entry_point: j.py\nmode: daemon\n", "j.py", polls, "daemon"],
  ];
  const files: Record<string, string> = {};
  for (const [yaml, file, code] of cases) {
    files[`sensors/${file}.yaml`] = `ref: ${file.replace(".", "_")}\n${yaml}`;
    files[`sensors/${file}`] = code;
  }
  const { pack } = await read(files);
  assert.deepEqual(
    pack.sensors.map(({ ref, mode }) => [ref, mode]),
    cases.map(([, file, , mode]) => [`acme.${file.replace(".", "_")}`, mode]),
  );
});

Deno.test("readPack() reads sensors, triggers, rules and permission sets", async () => {
  const { pack, warnings } = await read({
    "sensors/s.yaml":
      "ref: watch\nrunner_type: shell\nentry_point: s.sh\ntrigger_type: seen\npoll_interval: 1\nconfig: {a: 1}\n",
    "sensors/s.sh": "",
    "triggers/t.yaml":
      "ref: seen\ntype: file\npayload_validation: reject\noutput_schema: {p: {type: string}}\nexamples: [1]\n",
    "actions/a.yaml": "ref: a\nentry_point: a.sh\n",
    "actions/a.sh": "",
    "rules/r.yaml":
      "ref: r\ntrigger_ref: seen\naction_ref: a\nconditions: {expression: 'event.id > 1'}\npermission_set_ref: acme.ops\n",
    "rules/s.yaml":
      "ref: s\ntrigger_ref: core.crontimer\naction_ref: a\npermission_set_refs: []\n",
    "permission_sets/p.yaml":
      "ref: acme.ops\ngrants: [{resource: keys, action: read, constraints: {owner: self}}, {resource: packs, actions: [read]}]\n",
  }, { minPollInterval: 0.1 });
  assert.deepEqual(warnings, []);
  const [sensor] = pack.sensors;
  assert.deepEqual(
    [
      sensor?.mode,
      sensor?.poll_interval,
      sensor?.timeout,
      sensor?.trigger_types,
      sensor?.config,
    ],
    ["poll", 1, 30, ["acme.seen"], { a: 1 }],
  );
  assert.deepEqual(
    [sensor?.log_retention_policy, sensor?.log_retention_limit],
    ["versions", 4],
  );
  const [trigger] = pack.triggers;
  assert.deepEqual(
    [
      trigger?.label,
      trigger?.type,
      trigger?.payload_validation,
      trigger?.output,
      trigger?.examples,
    ],
    ["Seen", "file", "reject", { p: { type: "string" } }, [1]],
  );
  assert.deepEqual(
    pack.rules.map((
      r,
    ) => [
      r.ref,
      r.trigger_ref,
      r.action_ref,
      r.permission_set_refs,
      r.conditions,
    ]),
    [
      ["acme.r", "acme.seen", "acme.a", ["acme.ops"], {
        expression: "event.id > 1",
      }],
      ["acme.s", "core.crontimer", "acme.a", [], {}],
    ],
  );
  assert.deepEqual(pack.permission_sets, [{
    ref: "acme.ops",
    label: null,
    description: null,
    grants: [
      { resource: "keys", actions: ["read"], constraints: { owner: "self" } },
      { resource: "packs", actions: ["read"] },
    ],
    file: "acme/permission_sets/p.yaml",
  }]);
});

Deno.test("readPack() tells which refs were left out, so that their rows stay", async () => {
  const { pack } = await read({
    "rules/a.yaml": "ref: a\ntrigger_ref: core.t\n",
    "rules/b.yaml": "ref: b\ntrigger_ref: gone\naction_ref: gone\n",
    "rules/c.yaml": "label: x\n",
    "queues/q.yaml": "ref: acme.q\n",
  });
  assert.deepEqual(pack.skipped_refs, ["acme.q", "acme.b", "acme.a"]);
  assert.deepEqual(pack.rules, []);
});

Deno.test("readPack() refuses files and entry points that lead out through links", async () => {
  await using made = await testPack({
    "actions/b.yaml": "ref: b\nentry_point: out.sh\n",
    "actions/c.yaml": "ref: c\nentry_point: in.sh\n",
    "lib/in.sh": "",
    "../outside.yaml": "secret: text that must not be shown\n",
  });
  const link = (target: string, name: string) =>
    Deno.symlink(target, join(made.dir, name));
  await link("../../outside.yaml", "actions/a.yaml");
  await link("../../outside.yaml", "actions/out.sh");
  await link("../lib/in.sh", "actions/in.sh");
  const reading = await readPack(made.dir);
  assert.ok(!reading.ok);
  assert.deepEqual(reading.errors.map(({ message }) => message), [
    "acme/actions/a.yaml:1: leads out of the pack through a symbolic link",
    "acme/actions/b.yaml:2: 'entry_point' leads out of the pack through a symbolic link",
  ]);
});

Deno.test("readPack() warns of what is no part of the tree, and its hash is that of the tree", async () => {
  await using made = await testPack({ "lib/x": "1" });
  await Deno.symlink("/etc", join(made.dir, "etc"));
  const reading = await readPack(made.dir);
  assert.ok(reading.ok);
  assert.deepEqual(messages(reading), [
    "acme:1: etc is not part of the pack: a symbolic link that leads out of the pack",
  ]);
  assert.equal(reading.contentHash, await hashTree(made.dir));
});

Deno.test("readPack() of a directory that does not exist is a fault", async () => {
  const reading = await readPack("/tmp/no/such/acme");
  assert.ok(!reading.ok);
  assert.equal(reading.packRef, "acme");
  assert.equal(
    reading.errors[0]?.message,
    "acme/pack.yaml:1: the file is missing",
  );
});

Deno.test("readPack() shows the first 100 faults of a file", async () => {
  await using made = await testPack({
    "actions/a.yaml": "ref: a\n" +
      Array.from({ length: 200_00 }, (_, i) => `k${i}: 1\n`).join(""),
  });
  const reading = await readPack(made.dir);
  assert.ok(reading.ok);
  assert.equal(reading.warnings.length, 101);
  assert.match(
    reading.warnings.at(-1)!.message,
    /more faults in this file are not shown$/,
  );
});

Deno.test("readPack() reads the core pack and its runtimes without a fault", async () => {
  const reading = await readPack("packs/core", {
    bundled: true,
    runtimesDir: "runtimes",
    known: {
      packs: new Map(),
      triggers: new Map(),
      actions: new Map(),
      runtimes: [],
    },
  });
  assert.ok(reading.ok);
  assert.deepEqual(reading.warnings, []);
  const { pack } = reading;
  assert.equal(pack.is_standard, true);
  assert.deepEqual(
    pack.actions.map((
      { ref, runtime, output_format },
    ) => [ref, runtime, output_format]),
    [
      ["core.echo", "shell", "text"],
      ["core.http_request", "deno", "json"],
      ["core.noop", "shell", "text"],
      ["core.sleep", "shell", "text"],
    ],
  );
  for (const action of pack.actions) {
    assert.deepEqual(
      Object.keys(action.permissions).sort(),
      ["env", "net", "read", "run", "write"],
    );
  }
  assert.deepEqual(pack.permission_sets.map(({ ref }) => ref), [
    "core.admin",
    "core.editor",
    "core.executor",
    "core.viewer",
  ]);
  assert.deepEqual(pack.runtimes.map(({ ref, name }) => `${ref} ${name}`), [
    "core.deno deno",
    "core.go go",
    "core.java java",
    "core.native native",
    "core.nodejs node",
    "core.perl perl",
    "core.python python",
    "core.r r",
    "core.ruby ruby",
    "core.shell shell",
    "core.wasm wasm",
  ]);
  assert.deepEqual(pack.sensors.map(({ ref, mode }) => [ref, mode]), [
    ["core.timer_sensor", "builtin"],
  ]);
  assert.equal(pack.triggers.length, 7);
});

Deno.test("the shipped version rows are whole configurations with their own binary", async () => {
  const reading = await readPack("packs/core", {
    bundled: true,
    runtimesDir: "runtimes",
  });
  assert.ok(reading.ok);
  const cases: [string, string[], string][] = [
    ["python", ["3.11", "3.12", "3.13"], "3.12"],
    ["node", ["18", "20", "22"], "20"],
  ];
  const { runtimes } = reading.pack;
  for (const [name, versions, normal] of cases) {
    const runtime = runtimes.find((one) => one.name === name);
    assert.ok(runtime);
    assert.deepEqual(runtime.versions.map((row) => row.version), versions);
    for (const { version, is_default, execution_config } of runtime.versions) {
      assert.equal(is_default, version === normal);
      assert.equal(execution_config.interpreter?.binary, `${name}${version}`);
      const { interpreter: _own, ...rest } = execution_config;
      const { interpreter: _base, ...base } = runtime.execution_config;
      assert.deepEqual(rest, base);
    }
  }
});
