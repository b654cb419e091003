import assert from "node:assert/strict";
import fc from "fast-check";
import {
  compareVersions,
  highestMatch,
  normalizeVersion,
  parseConstraint,
} from "./version_constraint.ts";

const TABLE: { written: string[]; yes: string[]; no: string[] }[] = [
  {
    written: ["3.12", "~3.12", "v3.12", "=3.12", "3.12.x", "3.12.*", "= 3.12"],
    yes: ["3.12.0", "3.12.9", "3.12.100"],
    no: ["3.11.9", "3.13.0", "4.0.0", "3.12.0-rc1", "3.13.0-rc1", "3.12.1-rc1"],
  },
  {
    written: ["20", "~20", "20.x", "v20", "=20"],
    yes: ["20.0.0", "20.19.4"],
    no: ["19.9.9", "21.0.0", "20.0.0-pre"],
  },
  {
    written: ["3.12.1", "~3.12.1", "~ v3.12.1"],
    yes: ["3.12.1", "3.12.4"],
    no: ["3.12.0", "3.13.0"],
  },
  { written: ["=3.12.1", "=v3.12.1"], yes: ["3.12.1"], no: ["3.12.2"] },
  {
    written: ["*", "", "  ", "x", "* || 3", ">=0 *"],
    yes: ["0.0.0", "3.12.1", "99.0.0"],
    no: [],
  },
  {
    written: ["^3.12", "^ 3.12", "^v3.12.0"],
    yes: ["3.12.0", "3.99.0"],
    no: ["3.11.9", "4.0.0", "4.0.0-rc1"],
  },
  { written: ["^0.3"], yes: ["0.3.0", "0.3.9"], no: ["0.2.9", "0.4.0"] },
  { written: [">3.12"], yes: ["3.13.0", "4.0.0"], no: ["3.12.0", "3.12.99"] },
  { written: ["<=3.12"], yes: ["3.12.99", "2.0.0"], no: ["3.13.0"] },
  { written: [">=3.12", ">= 3.12"], yes: ["3.12.0", "9.0.0"], no: ["3.11.99"] },
  { written: ["<3.12"], yes: ["3.11.99", "0.0.1"], no: ["3.12.0"] },
  {
    written: ["1.2 - 2.3", "v1.2 - v2.3"],
    yes: ["1.2.0", "2.3.99"],
    no: ["1.1.9", "2.4.0"],
  },
  {
    written: [">=3.11,<4", ">=3.11 <4", ">= 3.11 , < 4", ">=3.11, <4"],
    yes: ["3.11.0", "3.99.0"],
    no: ["3.10.9", "4.0.0"],
  },
  {
    written: ["18 || 20", "18||20", "=18 || =20", "18 || >=20 <21"],
    yes: ["18.1.0", "20.1.0"],
    no: ["19.0.0", "21.0.0"],
  },
  {
    written: ["3.14.0-rc1", ">=3.14.0-rc1"],
    yes: ["3.14.0-rc1", "3.14.0-rc2", "3.14.0"],
    no: ["3.14.1-rc1", "3.14.0-beta1"],
  },
];

Deno.test("parseConstraint() means what the table of packs.md 4.5 says", () => {
  for (const { written, yes, no } of TABLE) {
    for (const text of written) {
      const constraint = parseConstraint(text);
      for (const version of yes) {
        assert.ok(constraint.matches(version), `"${text}" allows ${version}`);
      }
      for (const version of no) {
        assert.ok(!constraint.matches(version), `"${text}" refuses ${version}`);
      }
    }
  }
});

Deno.test("parseConstraint() lets an unknown version satisfy only any", () => {
  for (const [text, expected] of [["*", true], [">=0", false], ["3", false]]) {
    const { matches } = parseConstraint(text as string);
    assert.equal(matches(null), expected, `${text}`);
  }
});

Deno.test("parseConstraint() says what it cannot read", () => {
  const faults = [
    "latest",
    ">=",
    "3.12.1.4",
    "3..1",
    "3 ||",
    "|| 3",
    "==3.12",
    "!=3",
    "3.12,,latest",
    "1 - ",
    "- 1",
    ">=3.11<4",
    "99999999999999999999",
  ];
  for (const text of faults) {
    assert.throws(() => parseConstraint(text), {
      message: /^Cannot read version constraint ".*": .*; write for example/,
    }, text);
  }
});

Deno.test("parseConstraint() either reads any text or throws its own error", () => {
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => {
    try {
      parseConstraint(text).matches("1.2.3");
    } catch (error) {
      assert.match(`${error}`, /Cannot read version constraint/);
    }
  }));
  const piece = fc.constantFrom(..."0123.xX*^~<>=|, -v+a".split(""));
  fc.assert(fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
    try {
      parseConstraint(pieces.join("")).matches("1.2.3");
    } catch (error) {
      assert.match(`${error}`, /Cannot read version constraint/);
    }
  }));
});

Deno.test("normalizeVersion() finds the exact version", () => {
  const cases: [string, string | null][] = [
    ["3.11.7", "3.11.7"],
    ["v20.19.0", "20.19.0"],
    ["go1.22", "1.22.0"],
    ["go1.22.4", "1.22.4"],
    ["1.8.0_392", "8.0.392"],
    ["17.0.9+9", "17.0.9"],
    ["17.0.9.1", "17.0.9"],
    ["21", "21.0.0"],
    ["Python 3.12.1", "3.12.1"],
    ["3.14.0rc1", "3.14.0-rc1"],
    ["22.0.0-nightly2024", "22.0.0-nightly2024"],
    ["5.2.15(1)-release", "5.2.15"],
    ["none", null],
    ["99999999999999999999.1", null],
  ];
  for (const [text, expected] of cases) {
    assert.equal(normalizeVersion(text), expected, text);
  }
});

Deno.test("highestMatch() takes the highest of the allowed", () => {
  const offered = ["3.9.1", "3.12.4", "3.11.9", "3.12.10"];
  assert.equal(highestMatch(parseConstraint(">=3.11"), offered), "3.12.10");
  assert.equal(highestMatch(parseConstraint("3.11"), offered), "3.11.9");
  assert.equal(highestMatch(parseConstraint(">=4"), offered), undefined);
});

Deno.test("compareVersions() puts what is no version first", () => {
  assert.deepEqual(
    ["2.0.0", null, "10.0.0", "1.0.0"].toSorted(compareVersions),
    [null, "1.0.0", "2.0.0", "10.0.0"],
  );
});
