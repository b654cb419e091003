import { findPrograms } from "../find_program.ts";
import { type RuntimeCase, testRuntime } from "./runtime_contract.ts";

const PATH = Deno.env.get("PATH");

function described(name: string, binary: string, args: string[] = []) {
  return {
    name,
    ref: `core.${name}`,
    execution_config: { interpreter: { binary, args } },
    versions: [],
  };
}

const SHELL = {
  cat: "cat",
  fail: "echo out; echo err >&2; exit 3",
  where: 'pwd; echo "$ATTUNE_ACTION_NAME"',
  hang: "echo up; sleep 60",
  json: "echo '{\"n\":1}'",
  write: 'echo 1 > "$TMPDIR/x"; echo 1 > "$ATTUNE_ARTIFACTS_DIR/x"',
};

const CASES: (RuntimeCase & { binary: string | null })[] = [
  {
    name: "native",
    binary: null,
    runtime: {
      name: "native",
      ref: "core.native",
      execution_config: {},
      versions: [],
    },
    extension: "",
    sources: Object.fromEntries(
      Object.entries(SHELL).map(([key, text]) => [key, `#!/bin/sh\n${text}\n`]),
    ) as RuntimeCase["sources"],
  },
  {
    name: "shell",
    binary: "sh",
    runtime: described("shell", "sh"),
    extension: ".sh",
    sources: SHELL,
  },
  {
    name: "python",
    binary: "python3",
    runtime: described("python", "python3", ["-u"]),
    extension: ".py",
    sources: {
      cat: "import sys\nsys.stdout.write(sys.stdin.read())",
      fail:
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(3)",
      where:
        "import os\nprint(os.getcwd())\nprint(os.environ['ATTUNE_ACTION_NAME'])",
      hang: "import time\nprint('up')\ntime.sleep(60)",
      json: "print('{\"n\":1}')",
      write:
        "import os\nfor d in ('TMPDIR', 'ATTUNE_ARTIFACTS_DIR'):\n  open(os.environ[d] + '/x', 'w').write('1')",
    },
  },
  {
    name: "node",
    binary: "node",
    runtime: described("node", "node"),
    extension: ".js",
    sources: {
      cat: "process.stdin.pipe(process.stdout)",
      fail: "console.log('out'); console.error('err'); process.exitCode = 3",
      where:
        "console.log(process.cwd()); console.log(process.env.ATTUNE_ACTION_NAME)",
      hang: "console.log('up'); setTimeout(() => {}, 60000)",
      json: "console.log('{\"n\":1}')",
      write:
        "for (const d of ['TMPDIR', 'ATTUNE_ARTIFACTS_DIR']) require('fs').writeFileSync(process.env[d] + '/x', '1')",
    },
  },
  {
    name: "perl",
    binary: "perl",
    runtime: described("perl", "perl"),
    extension: ".pl",
    sources: {
      cat: "print while <STDIN>;",
      fail: 'print "out\\n"; print STDERR "err\\n"; exit 3;',
      where: 'use Cwd; print getcwd(), "\\n", $ENV{ATTUNE_ACTION_NAME}, "\\n";',
      hang: '$| = 1; print "up\\n"; sleep 60;',
      json: "print '{\"n\":1}';",
      write:
        "for my $d ('TMPDIR', 'ATTUNE_ARTIFACTS_DIR') { open(my $f, '>', \"$ENV{$d}/x\") or die; print $f 1; }",
    },
  },
  {
    name: "deno (script)",
    binary: null,
    runtime: described("deno", "deno"),
    extension: ".ts",
    sources: {
      cat: "await Deno.stdin.readable.pipeTo(Deno.stdout.writable);",
      fail: "console.log('out'); console.error('err'); Deno.exit(3);",
      where:
        "console.log(Deno.cwd()); console.log(Deno.env.get('ATTUNE_ACTION_NAME'));",
      hang: "console.log('up'); setTimeout(() => {}, 60_000);",
      json: "const n: number = 1; console.log(JSON.stringify({ n }));",
      write:
        "for (const d of ['TMPDIR', 'ATTUNE_ARTIFACTS_DIR']) Deno.writeTextFileSync(Deno.env.get(d) + '/x', '1');",
    },
  },
];

for (const { binary, ...one } of CASES) {
  const found = binary === null ||
    // deno-lint-ignore no-await-in-loop -- some file lookups
    (await findPrograms(binary, PATH)).length > 0;
  if (found) testRuntime(one);
  else {
    Deno.test.ignore(
      `${one.name} runtime (skipped: ${binary} is not installed)`,
      () => {},
    );
  }
}
