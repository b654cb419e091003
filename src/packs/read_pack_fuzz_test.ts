import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import { readPack } from "./read_pack.ts";
import { testPack } from "./test_pack.ts";

/** A file that uses much of the language; what mutations start from. */
const GOOD = `ref: a
label: "A \\u00e9"
runner_type: shell
entry_point: a.sh
retry: &retry {max_attempts: 2, on: [failed, lost]}
x-more: {<<: *retry, delay: 1.5}
permissions:
  net: ["host:443", '*:80']
  sandbox: best_effort
worker_affinity: {required: [{match_expressions: [{key: a, operator: in, values: [b]}]}]}
parameters:
  site: {type: string, required: true, pattern: "^a+$"}
  list: {type: array, items: {type: integer}}
description: |
  several
  lines
`;

const KEYS = [
  "ref",
  "label",
  "name",
  "enabled",
  "tags",
  "meta",
  "examples",
  "runner_type",
  "entry_point",
  "entrypoint",
  "workflow_file",
  "runtime_version",
  "required_worker_runtimes",
  "parameters",
  "output",
  "parameter_delivery",
  "timeout",
  "retry",
  "max_attempts",
  "on",
  "resources",
  "memory_mb",
  "permissions",
  "read",
  "net",
  "run",
  "sandbox",
  "worker_selector",
  "worker_tolerations",
  "worker_affinity",
  "required",
  "preferred",
  "preference",
  "match_labels",
  "default_execution_permission_set_refs",
  "mode",
  "poll_interval",
  "trigger_types",
  "config",
  "trigger_ref",
  "action_ref",
  "conditions",
  "action_params",
  "trigger_params",
  "permission_set_refs",
  "grants",
  "resource",
  "actions",
  "constraints",
  "aliases",
  "distributions",
  "verification",
  "commands",
  "execution_config",
  "interpreter",
  "environment",
  "env_vars",
  "versions",
  "version",
  "type",
  "properties",
  "pattern",
  "$ref",
  "$async",
  "items",
  "payload_validation",
  "testing",
  "runtime_deps",
  "dependencies",
  "system",
  "conf_schema",
  "__proto__",
  "constructor",
  "toString",
  "x-y",
  "wasm",
];

const TEXTS = [
  "a",
  "acme.a",
  "acme",
  "other.x",
  "A.B",
  "",
  ".",
  "..",
  "/",
  "../x",
  "://",
  "a.sh",
  "actions/a.sh",
  "actions",
  ">=1",
  ">=x",
  "*",
  "1.2 - 3",
  "(",
  "[a-",
  "{{ x }}",
  "{work_dir}",
  "{x}",
  "host:1",
  "*:0",
  "string",
  "object",
  "true",
  "native",
  "python",
  "\ud800",
  "\u0000",
  "é",
  "#/definitions/x",
  "http://json-schema.org/draft-07/schema#",
];

const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom<unknown>(
      ...TEXTS,
      null,
      true,
      false,
      0,
      1,
      -1,
      1.5,
      1e400,
      2 ** 60,
    ),
    fc.string(),
    fc.array(tie("any"), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...KEYS) }, {
        weight: 1,
        arbitrary: fc.string(),
      }),
      tie("any"),
      { maxKeys: 8 },
    ),
  ),
})).any;

const FOLDERS = [
  "actions",
  "sensors",
  "triggers",
  "rules",
  "runtimes",
  "permission_sets",
  "queues",
  "workflows",
];

const edits = fc.array(
  fc.tuple(
    fc.nat(GOOD.length),
    fc.nat(12),
    fc.oneof(
      fc.constantFrom(
        "[",
        "]",
        "{",
        "}",
        ":",
        "-",
        "\n",
        "\t",
        "&a",
        "*retry",
        "'",
        '"',
        "|",
        ">",
        "? ",
        "<<: ",
        "!!int ",
        "---\n",
        "%YAML\n",
        "#",
        ",",
      ),
      fc.string({ maxLength: 5 }),
    ),
  ),
  { minLength: 1, maxLength: 8 },
);

function edited(changes: [number, number, string][]): string {
  return changes.reduce(
    (text, [at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut),
    GOOD,
  );
}

/** Every file is a pack by itself; whatever it says, the answer is a report. */
async function reportOf(dir: string): Promise<void> {
  const reading = await readPack(dir);
  const faults = reading.ok ? reading.warnings : reading.errors;
  assert.equal(reading.ok || faults.length > 0, true);
  for (const { file, line, message } of faults) {
    assert.ok(message.startsWith(`${file}:${line}: `), message);
    assert.ok(!message.includes("\n") || message.length < 2000, message);
    assert.ok(Number.isInteger(line) && line >= 1, message);
  }
  // What the control plane stores must be JSON that PostgreSQL takes.
  if (reading.ok) {
    const json = JSON.stringify(reading.pack);
    assert.ok(!json.includes("\\u0000") && json.isWellFormed());
    assert.ok(!/\\ud[89a-f]/i.test(json));
  }
}

Deno.test("readPack() answers any edit of a good file with a report", async () => {
  await using made = await testPack({ "actions/a.sh": "" });
  const file = join(made.dir, "actions/a.yaml");
  await fc.assert(
    fc.asyncProperty(edits, async (changes) => {
      await Deno.writeTextFile(file, edited(changes));
      await reportOf(made.dir);
    }),
    { numRuns: 400 },
  );
});

Deno.test("readPack() answers any document in any place with a report", async () => {
  await using made = await testPack(
    Object.fromEntries(FOLDERS.map((folder) => [folder, null])),
  );
  const pairs = fc.record({ folder: fc.constantFrom(...FOLDERS, "."), value });
  await fc.assert(
    fc.asyncProperty(pairs, async ({ folder, value }) => {
      const file = join(
        made.dir,
        folder,
        folder === "." ? "pack.yaml" : "x.yaml",
      );
      const before = folder === "." ? await Deno.readTextFile(file) : undefined;
      const named =
        typeof value === "object" && value !== null && !Array.isArray(value)
          ? { ...value, ref: folder === "permission_sets" ? "acme.x" : "x" }
          : value;
      await Deno.writeTextFile(
        file,
        stringify(named, { aliasDuplicateObjects: false }),
      );
      await reportOf(made.dir);
      if (before === undefined) await Deno.remove(file);
      else await Deno.writeTextFile(file, before);
    }),
    { numRuns: 600 },
  );
});

Deno.test("readPack() answers any bytes with a report", async () => {
  await using made = await testPack({ actions: null });
  const file = join(made.dir, "actions/a.yaml");
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await Deno.writeFile(file, bytes);
      await reportOf(made.dir);
    }),
    { numRuns: 300 },
  );
});
