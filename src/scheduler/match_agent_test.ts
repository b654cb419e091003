import assert from "node:assert/strict";
import type { FleetWorker } from "../db/fleet.ts";
import {
  type AffinityTerm,
  NO_AFFINITY,
  type Taint,
} from "../domain/placement.ts";
import type { Requirement } from "../domain/requirement.ts";
import { judge } from "./judge.ts";
import { matchAgent, type Offer } from "./match_agent.ts";

function requirement(over: Partial<Requirement> = {}): Requirement {
  return {
    runtime: "python",
    runtime_version: null,
    required_runtimes: {},
    selector: {},
    tolerations: [],
    affinity: NO_AFFINITY,
    ...over,
  };
}

function offer(
  over: Partial<Offer["capabilities"]> = {},
  role: Offer["role"] = "action",
): Offer {
  return {
    role,
    capabilities: {
      runtimes: ["python", "shell"],
      runtime_versions: { python: ["3.11.9", "3.12.4"], shell: [] },
      labels: {},
      taints: [],
      ...over,
    },
  };
}

function term(over: Partial<AffinityTerm>): AffinityTerm {
  return { match_labels: {}, match_expressions: [], ...over };
}

const expression = (
  key: string,
  operator: "in" | "not_in" | "exists" | "does_not_exist",
  ...values: string[]
) => term({ match_expressions: [{ key, operator, values }] });

Deno.test("matchAgent() names every unmet condition", () => {
  const gpu: Taint = { key: "gpu", value: "yes", effect: "no_schedule" };
  const cases: [string, Partial<Requirement>, Offer, string[]][] = [
    ["plain", {}, offer(), []],
    ["role", {}, offer({}, "sensor"), ["runs actions"]],
    ["no runtime", { runtime: "ruby" }, offer(), ["offers ruby"]],
    ["version", { runtime_version: ">=3.14" }, offer(), [
      "offers python >=3.14",
    ]],
    ["good version", { runtime_version: "3.12" }, offer(), []],
    ["old spelling", {}, offer({ runtimes: ["python3"] }), []],
    [
      "unknown version, any",
      { runtime: "shell", runtime_version: "*" },
      offer(),
      [],
    ],
    ["unknown version", { runtime: "shell", runtime_version: ">=0" }, offer(), [
      "offers shell >=0",
    ]],
    ["required runtime", { required_runtimes: { node: "20" } }, offer(), [
      "offers node 20",
    ]],
    [
      "required runtime, any",
      { required_runtimes: { shell: "*" } },
      offer(),
      [],
    ],
    ["label", { selector: { zone: "eu" } }, offer({ labels: { zone: "us" } }), [
      "has label zone=eu",
    ]],
    [
      "label equal",
      { selector: { zone: "eu" } },
      offer({ labels: { zone: "eu" } }),
      [],
    ],
    ["taint", {}, offer({ taints: [gpu] }), [
      "is free of taint gpu=yes:no_schedule",
    ]],
    [
      "soft taint",
      {},
      offer({ taints: [{ ...gpu, effect: "prefer_no_schedule" }] }),
      [],
    ],
    [
      "tolerated",
      {
        tolerations: [{ key: "gpu", operator: "equal", value: "yes" }],
      },
      offer({ taints: [gpu] }),
      [],
    ],
    [
      "tolerated by exists",
      { tolerations: [{ key: "gpu", operator: "exists" }] },
      offer({ taints: [gpu] }),
      [],
    ],
    [
      "tolerates another value",
      {
        tolerations: [{ key: "gpu", operator: "equal", value: "no" }],
      },
      offer({ taints: [gpu] }),
      ["is free of taint gpu=yes:no_schedule"],
    ],
    [
      "tolerates another effect",
      {
        tolerations: [{
          key: "gpu",
          operator: "exists",
          effect: "prefer_no_schedule",
        }],
      },
      offer({ taints: [gpu] }),
      ["is free of taint gpu=yes:no_schedule"],
    ],
    [
      "tolerates a taint without value",
      {
        tolerations: [{ key: "gpu", operator: "equal" }],
      },
      offer({ taints: [{ key: "gpu", effect: "no_schedule" }] }),
      [],
    ],
    [
      "required affinity, one of two",
      {
        affinity: {
          ...NO_AFFINITY,
          required: [
            term({ match_labels: { a: "1" } }),
            term({ match_labels: { b: "2" } }),
          ],
        },
      },
      offer({ labels: { b: "2" } }),
      [],
    ],
    [
      "required affinity, none",
      {
        affinity: {
          ...NO_AFFINITY,
          required: [
            term({ match_labels: { a: "1" } }),
            expression("b", "in", "x", "y"),
          ],
        },
      },
      offer({ labels: { b: "2" } }),
      ["matches required affinity (a=1) or (b in [x, y])"],
    ],
    [
      "anti-affinity",
      {
        affinity: {
          ...NO_AFFINITY,
          anti_affinity: [expression("b", "exists")],
        },
      },
      offer({ labels: { b: "2" } }),
      ["is outside anti-affinity (b exists)"],
    ],
    [
      "all at once",
      {
        runtime: "ruby",
        selector: { z: "1" },
        required_runtimes: { go: "*" },
      },
      offer(),
      ["offers ruby", "offers go", "has label z=1"],
    ],
    [
      "a name of Object's own",
      {
        affinity: {
          ...NO_AFFINITY,
          required: [expression("constructor", "exists")],
        },
      },
      offer(),
      ["matches required affinity (constructor exists)"],
    ],
  ];
  for (const [name, over, one, unmet] of cases) {
    const match = matchAgent(requirement(over), one);
    assert.deepEqual(match.unmet.map((u) => u.condition), unmet, name);
    assert.equal(match.ever, unmet.length === 0, name);
  }
});

Deno.test("matchAgent() understands every operator of an expression", () => {
  const table: [AffinityTerm, labels: Record<string, string>, boolean][] = [
    [expression("k", "in", "a", "b"), { k: "b" }, true],
    [expression("k", "in", "a"), { k: "b" }, false],
    [expression("k", "in", "a"), {}, false],
    [expression("k", "not_in", "a"), { k: "b" }, true],
    [expression("k", "not_in", "a"), { k: "a" }, false],
    [expression("k", "not_in", "a"), {}, true],
    [expression("k", "exists"), { k: "" }, true],
    [expression("k", "exists"), {}, false],
    [expression("k", "does_not_exist"), {}, true],
    [expression("k", "does_not_exist"), { k: "" }, false],
    [term({}), {}, true],
    [
      {
        match_labels: { a: "1" },
        match_expressions: [{ key: "b", operator: "exists", values: [] }],
      },
      { a: "1" },
      false,
    ],
  ];
  for (const [one, labels, expected] of table) {
    const { ever } = matchAgent(
      requirement({ affinity: { ...NO_AFFINITY, required: [one] } }),
      offer({ labels }),
    );
    assert.equal(ever, expected, JSON.stringify([one, labels]));
  }
});

Deno.test("matchAgent() adds weights and takes 100 for an untolerated soft taint", () => {
  const affinity = {
    ...NO_AFFINITY,
    preferred: [
      { weight: 7, preference: term({ match_labels: { a: "1" } }) },
      { weight: 20, preference: expression("b", "exists") },
    ],
  };
  const soft: Taint = { key: "spot", effect: "prefer_no_schedule" };
  const points = (
    labels: Record<string, string>,
    taints: Taint[] = [],
    over: Partial<Requirement> = {},
  ) =>
    matchAgent(requirement({ affinity, ...over }), offer({ labels, taints }))
      .points;
  assert.equal(points({}), 0);
  assert.equal(points({ a: "1" }), 7);
  assert.equal(points({ a: "1", b: "" }), 27);
  assert.equal(points({ a: "1" }, [soft]), -93);
  assert.equal(
    points({ a: "1" }, [soft], {
      tolerations: [{ key: "spot", operator: "exists" }],
    }),
    7,
  );
});

let ids = 0;
function worker(
  over: Partial<FleetWorker> & { offers?: Partial<Offer["capabilities"]> } = {},
): FleetWorker {
  const { offers, ...rest } = over;
  const id = ++ids;
  return {
    id,
    name: `w${id}`,
    cordoned: false,
    silent: false,
    ...offer(offers) as Pick<FleetWorker, "role" | "capabilities">,
    ...rest,
  };
}

Deno.test("judge() says what no agent can do", () => {
  const old = worker({ offers: { runtime_versions: { python: ["3.9.1"] } } });
  const cases: [string, Partial<Requirement>, FleetWorker[], string][] = [
    [
      "versions of all",
      { runtime_version: ">=3.14" },
      [worker(), old],
      "no agent offers python >=3.14 (offered: 3.9.1, 3.11.9, 3.12.4)",
    ],
    [
      "several conditions",
      { runtime: "ruby", selector: { zone: "eu" } },
      [worker(), worker({ silent: true })],
      "no agent offers ruby; no agent has label zone=eu",
    ],
    [
      "each has something else",
      { runtime_version: "3.12", selector: { zone: "eu" } },
      [worker(), {
        ...old,
        capabilities: { ...old.capabilities, labels: { zone: "eu" } },
      }],
      "no agent meets all of: has label zone=eu (not so on 1 of 2); offers python 3.12 (offered: 3.9.1) (not so on 1 of 2)",
    ],
    [
      "unknown version",
      { runtime: "shell", runtime_version: "5" },
      [worker()],
      "no agent offers shell 5 (offered: version unknown)",
    ],
    [
      "unreadable constraint",
      { runtime_version: "newest" },
      [worker()],
      'no agent offers python: Cannot read version constraint "newest": cannot read "newest"; write for example 3.12, >=3.11 <4, ^20 or 18 || 20',
    ],
  ];
  for (const [name, over, fleet, error] of cases) {
    assert.deepEqual(judge(requirement(over), fleet), {
      state: "never",
      error,
    }, name);
  }
});

Deno.test("judge() waits for agents that may come", () => {
  const cases: [FleetWorker[], string][] = [
    [[], "an agent: none is registered"],
    [[worker({ role: "sensor" })], "an agent: none is registered"],
    [
      [
        worker({ name: "a", cordoned: true }),
        worker({ name: "b", silent: true }),
      ],
      "a suitable agent: a is cordoned, b is silent",
    ],
    [
      Array.from(
        { length: 7 },
        (_, n) => worker({ name: `n${n}`, silent: true }),
      ),
      "a suitable agent: n0 is silent, n1 is silent, n2 is silent, n3 is silent, n4 is silent and 2 more",
    ],
  ];
  for (const [fleet, waitingFor] of cases) {
    assert.deepEqual(judge(requirement(), fleet), {
      state: "waiting",
      waitingFor,
    });
  }
});

Deno.test("judge() lists live agents, the most welcome first", () => {
  const far = worker();
  const near = worker({ offers: { labels: { near: "1" } } });
  const verdict = judge(
    requirement({
      affinity: {
        ...NO_AFFINITY,
        preferred: [{
          weight: 5,
          preference: term({ match_labels: { near: "1" } }),
        }],
      },
    }),
    [far, worker({ silent: true }), near, worker({ cordoned: true })],
  );
  assert.deepEqual(verdict, {
    state: "live",
    workers: [{ id: near.id, points: 5 }, { id: far.id, points: 0 }],
  });
});
