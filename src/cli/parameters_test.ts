import assert from "node:assert/strict";
import { CliError } from "./exit.ts";
import { parseParameters } from "./parameters.ts";

const SCHEMA = {
  text: { type: "string" },
  whole: { type: "integer" },
  real: { type: "number" },
  yes: { type: "boolean" },
  items: { type: "array" },
  map: { type: "object" },
  any: {},
};

const GOOD: [string, unknown][] = [
  ["text=42", { text: "42" }],
  ["text=", { text: "" }],
  ["text=a=b", { text: "a=b" }],
  ["text=null", { text: "null" }],
  ["whole=-3", { whole: -3 }],
  ["real=1e3", { real: 1000 }],
  ["yes=true", { yes: true }],
  ["yes=0", { yes: false }],
  ['items=["a",1]', { items: ["a", 1] }],
  ['map={"a":[]}', { map: { a: [] } }],
  ["any=42", { any: "42" }],
  ["any:=42", { any: 42 }],
  ["text:=null", { text: null }],
  ["unknown=1", { unknown: "1" }],
];
for (const [arg, values] of GOOD) {
  Deno.test(`parseParameters() reads ${arg}`, () => {
    assert.deepEqual(parseParameters([arg], SCHEMA).values, values);
  });
}

const BAD: [string[], RegExp][] = [
  [["whole=1.5"], /"whole" must be an integer: current value is "1.5"/],
  [["whole=9007199254740993"], /must be an integer/],
  [["real="], /must be a number/],
  [["yes=maybe"], /must be true or false/],
  [["items=a"], /must be a JSON array/],
  [["map=[]"], /must be a JSON object/],
  [["any:={"], /"any" is not JSON/],
  [["text=a", "text=b"], /"text" is given twice/],
  [["hello"], /write key=value, or key:=json/],
  [["=a"], /write key=value/],
];
for (const [args, message] of BAD) {
  Deno.test(`parseParameters() refuses ${args.join(" ")}`, () => {
    assert.throws(
      () => parseParameters(args, SCHEMA),
      (error) =>
        error instanceof CliError && error.exitCode === 2 &&
        message.test(error.message),
    );
  });
}

Deno.test("parseParameters() warns of unknown names, if any are known", () => {
  assert.deepEqual(parseParameters(["txet=a", "zzzzzz=b"], SCHEMA).warnings, [
    'the action has no parameter "txet"; did you mean "text"?',
    'the action has no parameter "zzzzzz" (it has text, whole, real, yes, items, map, any)',
  ]);
  assert.deepEqual(parseParameters(["a=b"], null).warnings, []);
  assert.deepEqual(parseParameters(["a=b"], {}).warnings, []);
});

Deno.test("parseParameters() understands a schema in JSON Schema form", () => {
  const schema = { type: "object", properties: { n: { type: "integer" } } };
  assert.deepEqual(parseParameters(["n=1"], schema).values, { n: 1 });
});
