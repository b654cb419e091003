import assert from "node:assert/strict";
import { NO_AFFINITY } from "../domain/placement.ts";
import { requirementKey } from "../domain/requirement.ts";
import { canonicalName, resolveRuntime } from "../domain/resolve_runtime.ts";
import { type ActionNeeds, requirementOf } from "./requirement_of.ts";

const RUNTIMES = [
  { ref: "auto.ml", name: "ml", aliases: ["conda"] },
  { ref: "core.nodejs", name: "node", aliases: ["nodejs"] },
  { ref: "zed.conda", name: "conda", aliases: [] },
  { ref: "acme.science", name: "science", aliases: ["conda"] },
];

function action(over: Partial<ActionNeeds> = {}): ActionNeeds {
  return {
    runtime: "python",
    runtime_version: null,
    required_worker_runtimes: {},
    worker_selector: { zone: "eu" },
    worker_tolerations: [],
    worker_affinity: NO_AFFINITY,
    ...over,
  };
}

Deno.test("resolveRuntime() takes core before packs by ref before auto", () => {
  const cases: [string, string | undefined][] = [
    ["NodeJS", "core.nodejs"],
    ["core.action.nodejs", "core.nodejs"],
    ["core.nodejs", "core.nodejs"],
    ["conda", "acme.science"],
    ["zed.conda", "zed.conda"],
    ["ml", "auto.ml"],
    ["auto.ml", "auto.ml"],
    ["cobol", undefined],
  ];
  for (const [name, ref] of cases) {
    assert.equal(resolveRuntime(name, RUNTIMES)?.ref, ref, name);
  }
  assert.equal(canonicalName("Cobol ", RUNTIMES), "cobol");
  assert.equal(canonicalName("bash", []), "shell");
});

Deno.test("requirementOf() gives one key to needs that mean the same", () => {
  const key = (over: Partial<ActionNeeds>) =>
    requirementKey(requirementOf(action(over), RUNTIMES));
  assert.equal(key({ runtime: "python3" }), key({ runtime: " Python" }));
  assert.equal(key({ runtime_version: " " }), key({}));
  assert.equal(
    key({ required_worker_runtimes: { nodejs: "", bash: " 5 " } }),
    key({ required_worker_runtimes: { shell: "5", node: "*" } }),
  );
  assert.notEqual(key({ runtime_version: "3.12" }), key({}));
  assert.match(key({}), /^[0-9a-f]{16}$/);
});

Deno.test("requirementOf() lets an execution's own placement replace the action's", () => {
  const over = {
    worker_selector: {},
    worker_tolerations: [{ key: "gpu", operator: "exists" as const }],
    worker_affinity: null,
  };
  const requirement = requirementOf(action(), RUNTIMES, over);
  assert.deepEqual(requirement.selector, {});
  assert.deepEqual(requirement.tolerations, over.worker_tolerations);
  assert.deepEqual(requirement.affinity, NO_AFFINITY);
  const none = {
    worker_selector: null,
    worker_tolerations: null,
    worker_affinity: null,
  };
  assert.deepEqual(
    requirementOf(action(), RUNTIMES, none),
    requirementOf(action(), RUNTIMES),
  );
});
