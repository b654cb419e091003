import assert from "node:assert/strict";
import { readPack } from "../src/packs/read_pack.ts";

const PACKS = new URL("fixtures/packs/", import.meta.url).pathname;

Deno.test("readPack() names every fault of the broken pack at once", async () => {
  const reading = await readPack(`${PACKS}broken`);
  assert.ok(!reading.ok);
  assert.deepEqual(reading.errors.map(({ message }) => message), [
    "broken/pack.yaml:4: 'conf_schema.retries.type' must be 'string', 'integer', 'number', 'boolean', 'array' or 'object', not \"whole\"",
    "broken/triggers/case.yaml:1: 'ref' must be a ref like 'broken.name' (each part a lower-case letter followed by up to 62 of a-z, 0-9, '_' and '-'), not \"Broken.Case\"; refs are lower case only",
    "broken/triggers/keys.yaml:3: duplicate key 'label' (first in line 2)",
    "broken/triggers/list.yaml:1: the top level must be a mapping (key: value)",
    "broken/triggers/twice_b.yaml:1: 'ref' repeats 'broken.twice' of broken/triggers/twice_a.yaml",
    "broken/actions/foreign.yaml:1: 'ref' names pack 'other', but this is pack 'broken'; write 'broken.action'",
    "broken/actions/syntax.yaml:3: flow map in block collection must be sufficiently indented and end with a }",
    "broken/actions/types.yaml:2: 'entry_point' climbs out of where it starts: \"../../../etc/passwd\"",
    "broken/actions/types.yaml:4: 'timeout' must be a number greater than 0, not \"soon\"",
    "broken/actions/types.yaml:5: 'retry.max_attempts' must be a whole number from 1 to 100, not 0",
    'broken/actions/types.yaml:6: \'runtime_version\' must be a version constraint, not ">> 3": cannot read ">> 3"; write for example 3.12, >=3.11 <4, ^20 or 18 || 20',
    "broken/actions/types.yaml:8: 'parameters.name.pattern' is not a regular expression: Invalid regular expression: /(/u: Unterminated group",
    "broken/sensors/no_file.yaml:1: 'entry_point' is required",
  ]);
});

Deno.test("readPack() loads what it can of the partial pack and says what it left out", async () => {
  const reading = await readPack(`${PACKS}partial`, {
    known: {
      packs: new Map(),
      triggers: new Map(),
      actions: new Map(),
      offered: new Map([["python", ["3.12.1"]]]),
    },
  });
  assert.ok(reading.ok);
  assert.deepEqual(reading.warnings.map(({ message }) => message), [
    "partial/pack.yaml:2: 'version' is a number and is taken as \"1.10\"; put it in quotes",
    "partial/pack.yaml:3: 'system' counts only for packs that are shipped with the server",
    "partial/pack.yaml:4: 'keywords' and 'tags' are the same key with different values; 'tags' counts",
    "partial/pack.yaml:6: 'dependencies[0]' needs pack 'not_installed', which is not installed",
    "partial/pack.yaml:7: 'runtime_deps[0]' needs python >=99, which no registered agent offers (offered: 3.12.1)",
    "partial/actions/nameless.yaml:1: no 'ref': the file is left out",
    "partial/actions/typo.yaml:2: 'runner_type' names a runtime that is not known: \"shel\" (did you mean 'shell'?)",
    "partial/actions/typo.yaml:3: 'entry_point' names a file that does not exist: actions/gone.sh",
    "partial/actions/typo.yaml:4: unknown key 'timout' (did you mean 'timeout'?)",
    "partial/rules/aimless.yaml:1: no 'action_ref': the file is left out",
    "partial/rules/misfit.yaml:4: 'action_params.count' does not fit the parameters of action 'partial.typo': must be integer",
    "partial/rules/stray.yaml:2: 'trigger_ref' names \"partial.sean\", which does not exist: the rule is left out (did you mean 'partial.seen'?)",
  ]);
});

for (const pack of ["demo", "faults"]) {
  Deno.test(`readPack() loads the ${pack} pack`, async () => {
    const reading = await readPack(PACKS + pack);
    assert.ok(reading.ok);
  });
}
