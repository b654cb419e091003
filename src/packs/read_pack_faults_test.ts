import assert from "node:assert/strict";
import type { Known } from "./known.ts";
import { readPack } from "./read_pack.ts";
import { testPack } from "./test_pack.ts";

type Files = Record<string, string | Uint8Array | null>;

interface Case {
  what: string;
  files: Files;
  /** Every message in order; the pack must not load. */
  errors?: string[];
  /** Every message in order; the pack must load. */
  warnings?: string[];
  known?: Known;
}

const ACTION = "ref: acme.a\nrunner_type: shell\nentry_point: a.sh\n";
const SENSOR = "ref: acme.s\nrunner_type: shell\nentry_point: s.sh\n";
const action = (text: string): Files => ({
  "actions/a.yaml": ACTION + text,
  "actions/a.sh": "",
});
const sensor = (text: string): Files => ({
  "sensors/s.yaml": SENSOR + text,
  "sensors/s.sh": "",
});
const at = (line: number, text: string) =>
  `acme/actions/a.yaml:${line}: ${text}`;
const PACK = 'ref: acme\nversion: "1"\n';
const pack = (text: string): Files => ({ "pack.yaml": PACK + text });
const IDENT =
  "a lower-case letter followed by up to 62 of a-z, 0-9, '_' and '-'";

const CASES: Case[] = [
  // YAML
  {
    what: "broken YAML, every fault of it",
    files: { "actions/a.yaml": "ref: a\n bad: x\nlist: [1\n" },
    errors: [
      "acme/actions/a.yaml:1: nested mappings are not allowed in compact mappings",
      "acme/actions/a.yaml:1: implicit keys need to be on a single line",
      "acme/actions/a.yaml:4: flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
  },
  {
    what: "a list at the top",
    files: { "rules/r.yaml": "- ref: x\n" },
    errors: [
      "acme/rules/r.yaml:1: the top level must be a mapping (key: value)",
    ],
  },
  {
    what: "an empty file",
    files: { "triggers/t.yaml": "# nothing\n" },
    errors: [
      "acme/triggers/t.yaml:1: the top level must be a mapping (key: value)",
    ],
  },
  {
    what: "two documents",
    files: { "triggers/t.yaml": "ref: a\n---\nref: b\n" },
    errors: [
      "acme/triggers/t.yaml:2: a second document begins here; a file holds one",
    ],
  },
  {
    what: "duplicate keys, nested ones too",
    files: action(
      "timeout: 1\ntimeout: 2\nretry: {max_attempts: 1, delay: 1, delay: 1}\n",
    ),
    errors: [
      at(5, "duplicate key 'timeout' (first in line 4)"),
      at(6, "duplicate key 'delay' (first in line 6)"),
    ],
  },
  {
    what: "invalid UTF-8",
    files: {
      "actions/a.yaml": new Uint8Array([
        ...new TextEncoder().encode("ref: a\nlabel: "),
        0xe9,
        0x0a,
      ]),
    },
    errors: ["acme/actions/a.yaml:2: not valid UTF-8"],
  },
  {
    what: "a NUL byte",
    files: { "actions/a.yaml": "ref: a\n\nlabel: \0\n" },
    errors: ["acme/actions/a.yaml:3: a NUL character"],
  },
  {
    what: "an escaped NUL and half a surrogate pair",
    files: action('label: "\\0"\ndescription: "\\uD800"\n'),
    errors: [
      at(
        4,
        "text has a NUL character or half of a surrogate pair, which cannot be stored",
      ),
      at(
        5,
        "text has a NUL character or half of a surrogate pair, which cannot be stored",
      ),
    ],
  },
  {
    what: "numbers that JSON cannot hold",
    files: action(
      "meta: {a: .inf, b: .nan, c: 1e999, d: 12345678901234567890}\n",
    ),
    errors: [
      at(4, '".inf" is not a finite number'),
      at(4, '".nan" is not a finite number'),
      at(4, '"1e999" is not a finite number'),
    ],
  },
  {
    what: "a file that is too large",
    files: { "actions/a.yaml": "ref: a\n#" + "x".repeat(1024 * 1024) },
    errors: [
      "acme/actions/a.yaml:1: the file has 1048584 bytes; at most 1048576 are read",
    ],
  },
  {
    what: "nesting that is too deep",
    files: action(`meta: {a: ${"[".repeat(80)}${"]".repeat(80)}}\n`),
    errors: [at(4, "nested more than 64 levels deep")],
  },
  {
    what: "nesting that no parser survives",
    files: action(`meta: {a: ${"[".repeat(100_000)}`),
    errors: [at(1, "the document is nested too deeply")],
  },
  {
    what: "a file with too many parts",
    files: action(`meta: {a: [${"1,".repeat(110_000)}]}\n`),
    errors: [at(1, "the document has too many parts to be read")],
  },
  {
    what: "a schema that is too large",
    files: action(
      `parameters: {a: {type: string, description: "${
        "x".repeat(131_072)
      }"}}\n`,
    ),
    errors: [
      at(
        4,
        "'parameters' has 131157 characters as JSON; at most 131072 are read",
      ),
    ],
  },
  {
    what: "an alias bomb",
    files: action(
      `x-a: &a ${"lol".repeat(100)}\n` +
        [..."bcdefgh"].map((name, i) =>
          `x-${name}: &${name} [${
            Array(10).fill(`*${"abcdefg"[i]}`).join(", ")
          }]\n`
        ).join("") + "meta: {all: *h}\n",
    ),
    errors: [
      at(
        8,
        "the document grows too large when its aliases are written out",
      ),
    ],
  },
  {
    what: "aliases without or inside their anchor",
    files: action("meta: {a: *none}\nexamples: &self [*self]\n"),
    errors: [
      at(4, "alias '*none' has no anchor '&none' before it"),
      at(5, "alias '*self' is inside what it refers to"),
    ],
  },
  {
    what: "a merge that is no mapping",
    files: action("meta: {<<: text}\n"),
    errors: [at(4, "'<<' takes a mapping or a list of mappings")],
  },
  {
    what: "an empty key",
    files: action("meta: {? [a, b] : 1, '': 2}\n"),
    errors: [
      at(4, "a key must be text that is not empty"),
      at(4, "a key must be text that is not empty"),
    ],
  },
  {
    what: "a tag that is not known",
    files: action("meta: {a: !custom text}\n"),
    warnings: [at(4, "unresolved tag: !custom")],
  },
  {
    what: "a number that is not exact",
    files: action("meta: {d: 12345678901234567890}\n"),
    warnings: [
      at(
        4,
        '"12345678901234567890" is too large to be an exact number; put it in quotes to keep every digit',
      ),
    ],
  },

  // pack.yaml
  {
    what: "no pack.yaml",
    files: { "pack.yaml": null },
    errors: ["acme/pack.yaml:1: not a regular file"],
  },
  {
    what: "a pack.yaml without ref and version",
    files: {
      "pack.yaml": "label: x\n",
      "actions/a.yaml": "ref: a\ntimeout: x\n",
    },
    errors: [
      "acme/pack.yaml:1: 'ref' is required",
      "acme/pack.yaml:1: 'version' is required",
      "acme/actions/a.yaml:2: 'timeout' must be a number greater than 0, not \"x\"",
    ],
  },
  {
    what: "a bad pack ref",
    files: {
      "pack.yaml": 'ref: Acme\nversion: ""\n',
      "actions/a.yaml": "ref: Other.x",
    },
    errors: [
      `acme/pack.yaml:1: 'ref' must be a pack ref (${IDENT}), not "Acme"; refs are lower case only`,
      "acme/pack.yaml:2: 'version' must not be empty",
    ],
  },
  {
    what: "wrong types in pack.yaml",
    files: pack(
      'label: 7\nenabled: yes\ntags: one\nmeta: []\nconf_schema: 3\nruntime_deps: ["python >=no", " "]\n' +
        "dependencies: [Core, 'core >>1', 3]\ntesting: {min_pass_rate: 2, on_failure: stop, runners: {a: {type: x}}}\n",
    ),
    errors: [
      "acme/pack.yaml:3: 'label' must be text, not 7; put it in quotes",
      "acme/pack.yaml:4: 'enabled' must be true or false, not \"yes\"; write true",
      "acme/pack.yaml:5: 'tags' must be a list, not \"one\"",
      "acme/pack.yaml:6: 'meta' must be a mapping, not []",
      "acme/pack.yaml:7: 'conf_schema' must be a mapping of parameter names, not 3",
      `acme/pack.yaml:8: 'runtime_deps[0]' has no version constraint in ">=no": ` +
      constraintFault(">=no"),
      "acme/pack.yaml:8: 'runtime_deps[1]' must be a runtime name, optionally with a constraint, like 'python >=3.12', not \"\"",
      "acme/pack.yaml:9: 'dependencies[0]' must be a pack ref, optionally with a constraint, like 'acme ^2.1', not \"Core\"",
      `acme/pack.yaml:9: 'dependencies[1]' has no version constraint in ">>1": ` +
      constraintFault(">>1"),
      "acme/pack.yaml:9: 'dependencies[2]' must be text, not 3; put it in quotes",
      "acme/pack.yaml:10: 'testing.runners.a.type' must be 'script', 'unittest' or 'pytest', not \"x\"",
      "acme/pack.yaml:10: 'testing.min_pass_rate' must be a number from 0 to 1, not 2",
      "acme/pack.yaml:10: 'testing.on_failure' must be 'block' or 'warn', not \"stop\"",
    ].sort((a, b) => Number(a.split(":")[1]) - Number(b.split(":")[1])),
  },
  {
    what: "a version that is a number, and a pack that calls itself system",
    files: { "pack.yaml": "ref: acme\nversion: 2.10\nsystem: true\n" },
    warnings: [
      "acme/pack.yaml:2: 'version' is a number and is taken as \"2.10\"; put it in quotes",
      "acme/pack.yaml:3: 'system' counts only for packs that are shipped with the server",
    ],
  },
  {
    what: "both spellings with different values, label and name excepted",
    files: pack(
      "label: a\nname: b\ntags: [a]\nkeywords: [b]\nmeta: {a: 1}\nmetadata: {a: 1}\n",
    ),
    warnings: [
      "acme/pack.yaml:6: 'keywords' and 'tags' are the same key with different values; 'tags' counts",
    ],
  },
  {
    what: "packs and runtimes that are not there",
    files: pack(
      "dependencies: [core, 'core ^3', gone]\nruntime_deps: [py, python3, 'python >=3.12', node]\n",
    ),
    known: {
      packs: new Map([["core", "1.0.0"]]),
      offered: new Map([["python", ["3.11.2"]]]),
    },
    warnings: [
      "acme/pack.yaml:3: 'dependencies[1]' needs pack 'core' ^3, but 1.0.0 is installed",
      "acme/pack.yaml:3: 'dependencies[2]' needs pack 'gone', which is not installed",
      "acme/pack.yaml:4: 'runtime_deps[0]' needs py, which no registered agent offers",
      "acme/pack.yaml:4: 'runtime_deps[2]' needs python >=3.12, which no registered agent offers (offered: 3.11.2)",
      "acme/pack.yaml:4: 'runtime_deps[3]' needs node, which no registered agent offers",
    ],
  },

  // unknown keys
  {
    what: "unknown keys, nested ones by path",
    files: action(
      "timout: 9\nretry: {max_attempts: 2, max_delya: 1}\nzzz: 1\nx-mine: 1\nworker_affinity: {required: [{match_label: {}}]}\n",
    ),
    warnings: [
      at(4, "unknown key 'timout' (did you mean 'timeout'?)"),
      at(5, "unknown key 'retry.max_delya' (did you mean 'retry.max_delay'?)"),
      at(6, "unknown key 'zzz'"),
      at(
        8,
        "unknown key 'worker_affinity.required[0].match_label' (did you mean 'worker_affinity.required[0].match_labels'?)",
      ),
    ],
  },
  {
    what: "free maps, which have no unknown keys",
    files: {
      ...action(
        "meta: {timout: 1}\nparameters: {timout: {type: string, foo: 1, x-y: 2}}\n",
      ),
      ...pack("config: {lable: 1}\nmeta: {z: 1}\n"),
    },
    warnings: [],
  },

  // refs
  {
    what: "a component of another pack",
    files: { "actions/a.yaml": "ref: other.a\n" },
    errors: [
      at(
        1,
        "'ref' names pack 'other', but this is pack 'acme'; write 'acme.a'",
      ),
    ],
  },
  {
    what: "refs outside the grammar",
    files: {
      "actions/a.yaml": "ref: Deploy\n",
      "actions/b.yaml": "ref: acme.b.c\n",
      "actions/c.yaml": "ref: 7\n",
      "triggers/t.yaml": `ref: t${"x".repeat(63)}\n`,
    },
    errors: [
      `acme/triggers/t.yaml:1: 'ref' must be a ref like 'acme.name' (each part ${IDENT}), not "txxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...`,
      `acme/actions/a.yaml:1: 'ref' must be a ref like 'acme.name' (each part ${IDENT}), not "Deploy"; refs are lower case only`,
      `acme/actions/b.yaml:1: 'ref' must be a ref like 'acme.name' (each part ${IDENT}), not "acme.b.c"`,
      "acme/actions/c.yaml:1: 'ref' must be text, not 7; put it in quotes",
    ],
  },
  {
    what: "two files with one ref",
    files: {
      ...action(""),
      "actions/b.yml": "ref: a\nentry_point: a.sh\n",
      "triggers/a.yaml": "ref: a\n",
    },
    errors: [
      "acme/actions/b.yml:1: 'ref' repeats 'acme.a' of acme/actions/a.yaml",
    ],
  },
  {
    what: "a file without ref",
    files: { "actions/a.yaml": "label: x\n", "triggers/t.yaml": "ref:\n" },
    warnings: [
      "acme/triggers/t.yaml:1: no 'ref': the file is left out",
      "acme/actions/a.yaml:1: no 'ref': the file is left out",
    ],
  },

  // actions
  {
    what: "wrong types and ranges in an action",
    files: action(
      "timeout: 0\noutput_format: xml\nparameter_delivery: [stdin]\nidempotent: 1\noutput_strict: no\n" +
        "log_retention_policy: weeks\nlog_retention_limit: 1.5\nruntime_version: '>=no'\n" +
        "required_worker_runtimes: {node: latest}\ndefault_execution_permission_set_refs: [viewer, standard, core.viewer]\n",
    ),
    errors: [
      at(4, "'timeout' must be a number greater than 0, not 0"),
      at(
        5,
        "'output_format' must be 'text', 'json', 'yaml' or 'jsonl', not \"xml\" (did you mean 'yaml'?)",
      ),
      at(
        6,
        "'parameter_delivery' must be 'stdin', 'file' or 'env', not [\"stdin\"]",
      ),
      at(7, "'idempotent' must be true or false, not 1"),
      at(8, "'output_strict' must be true or false, not \"no\"; write false"),
      at(
        9,
        "'log_retention_policy' must be 'versions', 'days', 'hours' or 'minutes', not \"weeks\"",
      ),
      at(
        10,
        "'log_retention_limit' must be a whole number of at least 1, not 1.5",
      ),
      at(
        11,
        "'runtime_version' must be a version constraint, not \">=no\": " +
          constraintFault(">=no"),
      ),
      at(
        12,
        "'required_worker_runtimes.node' must be a version constraint, not \"latest\": " +
          constraintFault("latest"),
      ),
      at(
        13,
        "'default_execution_permission_set_refs[0]' must be a full permission set ref like 'core.viewer', or 'standard', not \"viewer\"",
      ),
    ],
  },
  {
    what: "a version constraint that YAML made a number",
    files: action("runtime_version: 3.10\n"),
    warnings: [
      at(
        4,
        "'runtime_version' is a number and is taken as \"3.10\"; put it in quotes",
      ),
    ],
  },
  {
    what: "both spellings of the timeout",
    files: action("timeout_seconds: 3\ntimeout: 4\n"),
    warnings: [
      at(
        4,
        "'timeout_seconds' and 'timeout' are the same key with different values; 'timeout' counts",
      ),
    ],
  },
  {
    what: "a retry block with faults",
    files: action(
      "retry:\n  delay: -1\n  backoff: linear\n  on: [failed, crashed]\n",
    ),
    errors: [
      at(4, "'retry.max_attempts' is required"),
      at(5, "'retry.delay' must be a number of at least 0, not -1"),
      at(
        6,
        "'retry.backoff' must be 'constant' or 'exponential', not \"linear\"",
      ),
      at(
        7,
        "'retry.on[1]' must be 'failed', 'timed_out' or 'lost', not \"crashed\"",
      ),
    ],
  },
  {
    what: "retry.max_attempts out of range, resources out of range",
    files: action(
      "retry: {max_attempts: 101}\nresources: {memory_mb: 0, open_files: 1.5, processes: -1, cpu_seconds: x}\n",
    ),
    errors: [
      at(
        4,
        "'retry.max_attempts' must be a whole number from 1 to 100, not 101",
      ),
      at(5, "'resources.memory_mb' must be a number greater than 0, not 0"),
      at(
        5,
        "'resources.cpu_seconds' must be a number greater than 0, not \"x\"",
      ),
      at(
        5,
        "'resources.open_files' must be a whole number of at least 1, not 1.5",
      ),
      at(
        5,
        "'resources.processes' must be a whole number of at least 1, not -1",
      ),
    ],
  },
  {
    what: "permissions with faults",
    files: action(
      "permissions:\n  read: maybe\n  write: ['/tmp/*', '../x', '{work_dirs}/x', '', '{work_dir}/../..']\n" +
        "  run: ['', /bin/x, git]\n  net: ['*', 'host:0', 'host:99999', 'http://x', 'a b', host, 'h:443', '*:443', '[::1]:80']\n" +
        "  env: ['A-B', OK]\n  sandbox: strict\n",
    ),
    errors: [
      at(5, "'permissions.read' must be true or false, not \"maybe\""),
      at(
        6,
        "'permissions.write[0]' must not have wildcards: \"/tmp/*\"; name the directory instead",
      ),
      at(6, "'permissions.write[1]' climbs out of where it starts: \"../x\""),
      at(
        6,
        "'permissions.write[2]' has an unknown place \"{work_dirs}\" (did you mean '{work_dir}'?)",
      ),
      at(6, "'permissions.write[3]' must not be empty"),
      at(6, "'permissions.write[4]' climbs out of where it starts: \"../..\""),
      at(7, "'permissions.run[0]' must not be empty"),
      at(
        8,
        "'permissions.net[0]' must be 'host', 'host:port' or '*:port' with a port up to 65535, not \"*\"",
      ),
      at(
        8,
        "'permissions.net[1]' must be 'host', 'host:port' or '*:port' with a port up to 65535, not \"host:0\"",
      ),
      at(
        8,
        "'permissions.net[2]' must be 'host', 'host:port' or '*:port' with a port up to 65535, not \"host:99999\"",
      ),
      at(
        8,
        "'permissions.net[3]' must be 'host', 'host:port' or '*:port' with a port up to 65535, not \"http://x\"",
      ),
      at(
        8,
        "'permissions.net[4]' must be 'host', 'host:port' or '*:port' with a port up to 65535, not \"a b\"",
      ),
      at(9, "'permissions.env[0]' must be the name of a variable, not \"A-B\""),
      at(
        10,
        "'permissions.sandbox' must be 'best_effort', 'required' or 'off', not \"strict\"",
      ),
    ],
  },
  {
    what: "placement with faults",
    files: action(
      "worker_selector: {gpu: true}\nworker_tolerations: [{operator: is}, {key: a, effect: never}]\n" +
        "worker_affinity: {preferred: [{weight: 0, preference: {}}], anti_affinity: [{match_expressions: [{key: a, operator: in}]}]}\n",
    ),
    errors: [
      at(4, "'worker_selector.gpu' must be text, not true; put it in quotes"),
      at(5, "'worker_tolerations[0].key' is required"),
      at(
        5,
        "'worker_tolerations[0].operator' must be 'equal' or 'exists', not \"is\"",
      ),
      at(
        5,
        "'worker_tolerations[1].effect' must be 'no_schedule' or 'prefer_no_schedule', not \"never\"",
      ),
      at(
        6,
        "'worker_affinity.preferred[0].weight' must be a whole number from 1 to 100, not 0",
      ),
      at(
        6,
        "'worker_affinity.anti_affinity[0].match_expressions[0].values' must list something for operator 'in'",
      ),
    ],
  },
  {
    what: "parameter schemas with faults",
    files: action(
      "parameters:\n  a: string\n  b: {type: text}\n  c: {required: [x]}\n  d: {pattern: '('}\n" +
        "  e: {type: array, minItems: -1}\n  f:\noutput: {type: object}\n",
    ),
    errors: [
      at(
        5,
        "'parameters.a' must be a mapping of attributes, like {type: string}, not \"string\"",
      ),
      at(
        6,
        "'parameters.b.type' must be 'string', 'integer', 'number', 'boolean', 'array' or 'object', not \"text\"",
      ),
      at(
        7,
        "'parameters.c.required' must be true or false on the parameter itself, not [\"x\"]",
      ),
      at(
        11,
        "'output.type' must be a mapping of attributes, like {type: string}, not \"object\"",
      ),
    ],
  },
  {
    what: "parameter schemas that are no JSON Schema",
    files: action(
      "parameters:\n  d: {pattern: '('}\n  e: {type: array, minItems: -1}\n",
    ),
    errors: [
      at(
        5,
        "'parameters.d.pattern' is not a regular expression: Invalid regular expression: /(/u: Unterminated group",
      ),
      at(6, "'parameters.e.minItems' must be >= 0"),
    ],
  },
  {
    what: "a JSON Schema that refers to what is not there",
    files: action(
      'parameters: {type: object, properties: {a: {$ref: "#/definitions/x"}}}\n',
    ),
    errors: [
      at(
        4,
        "'parameters' is not a usable schema: can't resolve reference #/definitions/x from id #",
      ),
    ],
  },
  {
    what: "paths that lead out",
    files: {
      "actions/a.yaml": "ref: a\nentry_point: ../../x.sh\n",
      "actions/b.yaml": "ref: b\nentry_point: /etc/passwd\n",
      "actions/c.yaml": "ref: c\nentry_point: http://x/y.sh\n",
      "actions/d.yaml": "ref: d\nworkflow_file: ../x.yaml\n",
    },
    errors: [
      "acme/actions/a.yaml:2: 'entry_point' climbs out of where it starts: \"../../x.sh\"",
      "acme/actions/b.yaml:2: 'entry_point' must be a relative path, not \"/etc/passwd\"",
      "acme/actions/c.yaml:2: 'entry_point' must be a path inside the pack without '://', not \"http://x/y.sh\"",
      "acme/actions/d.yaml:2: 'workflow_file' climbs out of where it starts: \"../x.yaml\"",
    ],
  },
  {
    what: "entry points that are not there",
    files: {
      "actions/a.yaml": "ref: a\nrunner_type: shell\n",
      "actions/b.yaml": "ref: b\nentry_point: gone.py\n",
      "actions/c.yaml": "ref: c\nentry_point: dir\n",
      "actions/dir": null,
      "actions/d.yaml": "ref: d\nentry_point: actions/d.sh\n",
      "actions/d.sh": "",
      "actions/e.yaml": "ref: e\nrunner_type: native\nentry_point: d.sh\n",
    },
    warnings: [
      "acme/actions/a.yaml:1: 'entry_point' is not given, so there is nothing to run",
      "acme/actions/b.yaml:2: 'entry_point' names a file that does not exist: actions/gone.py",
      "acme/actions/c.yaml:2: 'entry_point' names something that is not a file: actions/dir",
      "acme/actions/d.yaml:2: 'entry_point' is looked up below actions/; write \"d.sh\"",
      "acme/actions/e.yaml:3: 'entry_point' is not executable: actions/d.sh; run chmod +x on it",
    ],
  },
  {
    what: "a runtime nobody knows",
    files: {
      ...action(""),
      "actions/b.yaml": "ref: b\nrunner_type: Pyton\nentry_point: a.sh\n",
      "actions/c.yaml": "ref: c\nrunner_type: cobol\nentry_point: a.sh\n",
    },
    warnings: [
      "acme/actions/b.yaml:2: 'runner_type' names a runtime that is not known: \"Pyton\" (did you mean 'python'?)",
      "acme/actions/c.yaml:2: 'runner_type' names a runtime that is not known: \"cobol\"",
    ],
  },
  {
    what: "workflows and queues, which are left out",
    files: {
      "actions/w.yaml": "ref: w\nworkflow_file: workflows/w.workflow.yaml\n",
      "actions/workflows/w.workflow.yaml": "tasks: []\n",
      "workflows/x.yaml": "ref: acme.x\ntasks: []\n",
      "queues/q.yaml": "ref: acme.q.high\n",
    },
    warnings: [
      "acme/actions/w.yaml:2: 'workflow_file' makes this a workflow action, which this version does not run",
      "acme/queues/q.yaml:1: work queues are not run by this version: the file is left out",
      "acme/workflows/x.yaml:1: stand-alone workflows are not run by this version: the file is left out",
    ],
  },
  {
    what: "workflows and queues with broken files",
    files: {
      "actions/workflows/w.workflow.yaml": "tasks: [\n",
      "queues/q.yaml": "ref: Q\n",
    },
    errors: [
      "acme/queues/q.yaml:1: 'ref' must be a ref of lower-case parts joined by dots, not \"Q\"",
      "acme/actions/workflows/w.workflow.yaml:2: flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
  },

  // runtimes
  {
    what: "runtimes with faults",
    files: {
      "runtimes/r.yaml": "ref: acme.r\npack_ref: other\naliases: ruby\n" +
        "distributions: {verification: {commands: [{args: [x]}, {binary: r, pattern: '(', exit_code: 300}]}}\n" +
        "execution_config:\n  interpreter: {binary: r, arg: [x]}\n  env_vars: {A-B: x, C: 1, D: {operation: add}}\n" +
        "  inline_execution: {strategy: pipe}\n" +
        "versions: [{version: '1', is_default: true}, {version: 1, is_default: true}, {}]\n",
    },
    errors: [
      "acme/runtimes/r.yaml:2: 'pack_ref' must be 'acme', the pack it is in, not \"other\"",
      "acme/runtimes/r.yaml:3: 'aliases' must be a list, not \"ruby\"",
      "acme/runtimes/r.yaml:4: 'distributions.verification.commands[0].binary' is required",
      "acme/runtimes/r.yaml:4: 'distributions.verification.commands[1].exit_code' must be a whole number from 0 to 255, not 300",
      "acme/runtimes/r.yaml:4: 'distributions.verification.commands[1].pattern' is not a regular expression: Invalid regular expression: /(/: Unterminated group",
      "acme/runtimes/r.yaml:7: 'execution_config.env_vars.A-B' must be the name of a variable, not \"A-B\"",
      "acme/runtimes/r.yaml:7: 'execution_config.env_vars.C' must be text, not 1; put it in quotes",
      "acme/runtimes/r.yaml:7: 'execution_config.env_vars.D.value' is required",
      "acme/runtimes/r.yaml:7: 'execution_config.env_vars.D.operation' must be 'set', 'prepend' or 'append', not \"add\"",
      "acme/runtimes/r.yaml:8: 'execution_config.inline_execution.strategy' must be 'direct' or 'temp_file', not \"pipe\"",
      "acme/runtimes/r.yaml:9: 'versions[2].version' is required",
      "acme/runtimes/r.yaml:9: 'versions[1]' repeats version '1'",
      "acme/runtimes/r.yaml:9: 'versions[1]' is a second default; only one version may be",
    ],
  },

  // sensors
  {
    what: "sensors with faults",
    files: {
      ...sensor(
        "mode: push\npoll_interval: 0\ntrigger_types: [A]\ntimeout: -1\n",
      ),
      "sensors/t.yaml": "ref: t\nmode: builtin\n",
      "sensors/u.yaml": "ref: u\n",
    },
    errors: [
      "acme/sensors/s.yaml:4: 'mode' must be 'poll', 'daemon' or 'builtin', not \"push\"",
      "acme/sensors/s.yaml:5: 'poll_interval' must be a number greater than 0, not 0",
      `acme/sensors/s.yaml:6: 'trigger_types[0]' must be a ref like 'acme.name' (each part ${IDENT}), not "A"; refs are lower case only`,
      "acme/sensors/s.yaml:7: 'timeout' must be a number greater than 0, not -1",
      "acme/sensors/t.yaml:2: 'mode' must not be 'builtin', which is reserved to the core pack",
      "acme/sensors/u.yaml:1: 'entry_point' is required",
    ],
  },
  {
    what:
      "sensors that poll too often, emit what is not there, or cannot be polled",
    files: {
      ...sensor("poll_interval: 1\ntrigger_types: [seen, sean]\n"),
      "sensors/p.yaml": "ref: p\npoll_interval: 9\nentry_point: p.py\n",
      "sensors/p.py": "# poll_sensor\nwhile True: pass\n",
      "triggers/seen.yaml": "ref: seen\n",
    },
    warnings: [
      "acme/sensors/p.yaml:2: 'poll_interval' has no effect: p.py never mentions poll_sensor, so the sensor is loaded as a daemon",
      "acme/sensors/s.yaml:4: 'poll_interval' is 1; it is raised to 5 seconds",
      "acme/sensors/s.yaml:5: 'trigger_types' names trigger 'acme.sean', which does not exist (did you mean 'acme.seen'?)",
    ],
  },

  // triggers, rules, permission sets
  {
    what: "a trigger with faults",
    files: {
      "triggers/t.yaml": "ref: t\npayload_validation: on\nparameters: []\n",
    },
    errors: [
      "acme/triggers/t.yaml:2: 'payload_validation' must be 'off', 'warn' or 'reject', not \"on\"",
      "acme/triggers/t.yaml:3: 'parameters' must be a mapping of parameter names, not []",
    ],
  },
  {
    what: "rules with faults",
    files: {
      "rules/a.yaml":
        "ref: a\ntrigger_ref: T\naction_ref: x.y.z\nconditions: [{field: a, operator: is}]\n",
      "rules/b.yaml":
        "ref: b\ntrigger_ref: core.t\naction_ref: core.a\nconditions: {expresion: x}\npermission_set_refs: [a]\naction_params: [1]\n",
    },
    errors: [
      `acme/rules/a.yaml:2: 'trigger_ref' must be a ref like 'acme.name' (each part ${IDENT}), not "T"; refs are lower case only`,
      `acme/rules/a.yaml:3: 'action_ref' must be a ref like 'acme.name' (each part ${IDENT}), not "x.y.z"`,
      "acme/rules/a.yaml:4: 'conditions[0].operator' must be 'equals', 'not_equals' or 'contains', not \"is\"",
      "acme/rules/b.yaml:4: 'conditions.expression' is required",
      "acme/rules/b.yaml:5: 'permission_set_refs[0]' must be a full permission set ref like 'core.viewer', or 'standard', not \"a\"",
      "acme/rules/b.yaml:6: 'action_params' must be a mapping, not [1]",
    ],
  },
  {
    what: "rules that are left out, and rules whose parameters do not fit",
    files: {
      ...action(
        "parameters: {n: {type: integer, required: true}, o: {type: object, properties: {x: {type: string}}}}\n",
      ),
      "triggers/t.yaml":
        "ref: t\nparameters: {d: {type: string, required: true}}\n",
      "rules/a.yaml": "ref: a\ntrigger_ref: t\n",
      "rules/b.yaml": "ref: b\ntrigger_ref: tt\naction_ref: a\n",
      "rules/c.yaml": "ref: c\ntrigger_ref: core.cron\naction_ref: core.gone\n",
      "rules/d.yaml":
        "ref: d\ntrigger_ref: t\naction_ref: a\ntrigger_params: {}\naction_params:\n  n: x\n  o: {x: 1}\n",
      "rules/e.yaml":
        "ref: e\ntrigger_ref: t\naction_ref: a\ntrigger_params: {d: '{{ x }}'}\naction_params: {n: '{{ event.payload.n }}'}\n",
    },
    known: {
      triggers: new Map([["core.crontimer", null]]),
      actions: new Map([["core.echo", null]]),
    },
    warnings: [
      "acme/rules/a.yaml:1: no 'action_ref': the file is left out",
      "acme/rules/b.yaml:2: 'trigger_ref' names \"acme.tt\", which does not exist: the rule is left out (did you mean 'acme.t'?)",
      "acme/rules/c.yaml:2: 'trigger_ref' names \"core.cron\", which does not exist: the rule is left out",
      "acme/rules/c.yaml:3: 'action_ref' names \"core.gone\", which does not exist: the rule is left out",
      "acme/rules/d.yaml:4: 'trigger_params' does not fit the parameters of trigger 'acme.t': must have required property 'd'",
      "acme/rules/d.yaml:6: 'action_params.n' does not fit the parameters of action 'acme.a': must be integer",
      "acme/rules/d.yaml:7: 'action_params.o.x' does not fit the parameters of action 'acme.a': must be string",
    ],
  },
  {
    what: "permission sets with faults",
    files: {
      "permission_sets/a.yaml": "ref: ops\n",
      "permission_sets/b.yaml": "ref: standard\n",
      "permission_sets/c.yaml":
        "ref: acme.c\ngrants: [{actions: [read]}, {resource: packs}, {resource: keys, action: read, constraints: {owner: me, ids: [0]}}]\n",
    },
    errors: [
      "acme/permission_sets/a.yaml:1: 'ref' must be written in full, like 'acme.name', not \"ops\"",
      "acme/permission_sets/b.yaml:1: 'ref' must not be 'standard', which is a reserved word",
      "acme/permission_sets/c.yaml:2: 'grants[0].resource' is required",
      "acme/permission_sets/c.yaml:2: 'grants[1].actions' is required",
      "acme/permission_sets/c.yaml:2: 'grants[2].constraints.owner' must be 'self', 'any' or 'none', not \"me\"",
      "acme/permission_sets/c.yaml:2: 'grants[2].constraints.ids[0]' must be a whole number of at least 1, not 0",
    ],
  },
  {
    what: "grants on what does not exist",
    files: {
      "permission_sets/c.yaml":
        "ref: acme.c\ngrants:\n  - {resource: action, actions: [read]}\n  - {resource: actions, actions: [reed, fly]}\n  - {resource: keys, actions: [read], constraints: {owners: []}}\n",
    },
    warnings: [
      "acme/permission_sets/c.yaml:3: 'grants[0].resource' names an unknown resource: \"action\" (did you mean 'actions'?)",
      "acme/permission_sets/c.yaml:4: 'grants[1].actions' names an unknown action of 'actions': \"reed\" (did you mean 'read'?)",
      "acme/permission_sets/c.yaml:4: 'grants[1].actions' names an unknown action of 'actions': \"fly\"",
      "acme/permission_sets/c.yaml:5: unknown key 'grants[2].constraints.owners' (did you mean 'grants[2].constraints.owner'?)",
    ],
  },
  {
    what: "a component directory that is a file",
    files: { actions: "x" },
    errors: [
      "acme/actions:1: must be a directory",
    ],
  },
];

function constraintFault(written: string): string {
  return `cannot read "${written}"; write for example 3.12, >=3.11 <4, ^20 or 18 || 20`;
}

for (const { what, files, errors, warnings, known } of CASES) {
  Deno.test(`readPack() reports ${what}`, async () => {
    await using made = await testPack(files);
    const reading = await readPack(made.dir, { known });
    const faults = reading.ok ? reading.warnings : reading.errors;
    const messages = faults.map(({ message }) =>
      message.replaceAll(made.dir, "DIR")
    );
    assert.deepEqual(messages, errors ?? warnings);
    assert.equal(reading.ok, errors === undefined);
    for (const { file, line, message } of faults) {
      assert.equal(message.startsWith(`${file}:${line}: `), true);
    }
  });
}
