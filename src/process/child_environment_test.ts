import assert from "node:assert/strict";
import {
  type ChildEnvironment,
  childEnvironment,
  DEFAULT_PATH,
  fillTemplate,
} from "./child_environment.ts";

const BASE: ChildEnvironment = {
  agent: {},
  passthrough: [],
  workDir: "/w",
  runtime: {},
  templates: {},
  execution: {},
  attune: {},
};
const STANDARD = {
  PATH: DEFAULT_PATH,
  HOME: "/w/home",
  TMPDIR: "/w/tmp",
  LANG: "C.UTF-8",
};

const CASES: [string, Partial<ChildEnvironment>, Record<string, string>][] = [
  ["has the allow-list and nothing of the agent", {
    agent: { SECRET: "x", ATTUNE_AGENT_TOKEN: "y" },
  }, {}],
  ["takes PATH, LANG and TZ of the agent", {
    agent: { PATH: "/p", LANG: "de", TZ: "UTC" },
  }, { PATH: "/p", LANG: "de", TZ: "UTC" }],
  ["puts the environment's bin first", { envBin: "/e/bin" }, {
    PATH: `/e/bin:${DEFAULT_PATH}`,
  }],
  [
    "passes what the operator lists, never ATTUNE_*",
    {
      agent: { LD_LIBRARY_PATH: "/l", ATTUNE_AGENT_TOKEN: "t", OTHER: "o" },
      passthrough: ["LD_LIBRARY_PATH", "ATTUNE_AGENT_TOKEN", "MISSING"],
    },
    { LD_LIBRARY_PATH: "/l" },
  ],
  [
    "applies runtime variables to the value so far",
    {
      agent: { PYTHONPATH: "/agent" },
      passthrough: ["PYTHONPATH"],
      templates: { pack_dir: "/p" },
      runtime: {
        PYTHONPATH: { value: "{pack_dir}/lib", operation: "prepend" },
        FRESH: { value: "x", operation: "append", separator: ";" },
        PLAIN: "{pack_dir}{other}",
        NEEDS_ENV: "{env_dir}/x",
        ATTUNE_EXEC_ID: "9",
      },
    },
    { PYTHONPATH: "/p/lib:/agent", FRESH: "x", PLAIN: "/p{other}" },
  ],
  [
    "lets the execution override, but no ATTUNE_* and no bad name",
    {
      runtime: { A: "runtime" },
      execution: {
        A: "execution",
        TZ: "x",
        ATTUNE_ACTION: "x",
        "1A": "x",
        "A B": "x",
      },
    },
    { A: "execution", TZ: "x" },
  ],
  [
    "spreads a context object",
    { context: { user: "é", "a-b": [1], none: null } },
    {
      ATTUNE_CONTEXT_USER: "é",
      ATTUNE_CONTEXT_A_B: "[1]",
      ATTUNE_CONTEXT_NONE: "",
    },
  ],
  ["ignores a context that is no object", { context: "x" }, {}],
  [
    "sets what Attune sets last",
    {
      execution: { ATTUNE_EXEC_ID: "1" },
      attune: { ATTUNE_EXEC_ID: "7", ATTUNE_API_TOKEN: undefined },
    },
    { ATTUNE_EXEC_ID: "7" },
  ],
];

for (const [name, given, more] of CASES) {
  Deno.test(`childEnvironment() ${name}`, () => {
    assert.deepEqual(childEnvironment({ ...BASE, ...given }), {
      ...STANDARD,
      ...more,
    });
  });
}

Deno.test("fillTemplate() replaces known names only", () => {
  assert.equal(
    fillTemplate("{work_dir}/{x}{{work_dir}}", { work_dir: "/w" }),
    "/w/{x}{/w}",
  );
  assert.equal(fillTemplate("{env_dir}", {}), undefined);
});
