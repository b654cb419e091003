import assert from "node:assert/strict";
import fc from "fast-check";
import type { Json, JsonObject } from "../domain/json.ts";
import { checkOutput, checkParameters } from "./param_check.ts";

const SCHEMA: JsonObject = {
  site: {
    type: "string",
    required: true,
    secret: true,
    position: 1,
    pattern: "^a",
  },
  count: { type: "integer", minimum: 5, default: 7 },
  on: { type: "boolean" },
  mode: { type: "string", enum: ["x", "y"] },
  opts: {
    type: "object",
    properties: {
      depth: { type: "integer" },
      "a/b~c": { type: "string" },
      in: { type: "object", required: ["x"] },
    },
  },
  list: { type: "array", items: { type: "number" }, minItems: 1 },
  choice: {
    anyOf: [{ type: "integer" }, {
      type: "object",
      properties: { n: { type: "integer" } },
    }],
  },
};

const CASES: [string, JsonObject, [string, string][]][] = [
  ["fitting values", {
    site: "ab",
    count: 5,
    on: true,
    mode: "x",
    opts: { depth: 1 },
    list: [1.5],
  }, []],
  ["additional values", { site: "a", other: { x: 1 } }, []],
  ["a missing required value, for which a default would not stand in", {}, [[
    "",
    "must have required property 'site'",
  ]]],
  ["every fault", { site: 1, count: 4, on: "yes", mode: "z", list: [] }, [
    ["/site", "must be string"],
    ["/count", "must be >= 5"],
    ["/on", "must be boolean"],
    ["/mode", 'must be equal to one of the allowed values: ["x","y"]'],
    ["/list", "must NOT have fewer than 1 items"],
  ]],
  [
    "nested faults, with pointers",
    { site: "a", opts: { "a/b~c": 1, in: {} } },
    [
      ["/opts/a~1b~0c", "must be string"],
      ["/opts/in", "must have required property 'x'"],
    ],
  ],
  ["null", { site: null }, [["/site", "must be string"]]],
  ["templates of every type", {
    site: "{{ a }}",
    count: "{{ n }}",
    on: "{{ x }} tail",
    mode: "pre {{ m }}",
    opts: "{{ o }}",
    list: "{{ l }}",
    choice: "{{ c }}",
  }, []],
  ["templates inside", {
    site: "a",
    opts: { depth: "{{ d }}" },
    list: ["{{ one }}", 2],
    choice: { n: "{{ n }}" },
  }, []],
  ["what only looks like a template", { site: "a", count: "}} {{" }, [[
    "/count",
    "must be integer",
  ]]],
];
for (const [what, values, faults] of CASES) {
  Deno.test(`checkParameters() judges ${what}`, () => {
    assert.deepEqual(
      checkParameters(SCHEMA, values).map(({ at, message }) => [at, message]),
      faults,
    );
  });
}

Deno.test("checkParameters() accepts anything when there is no schema", () => {
  assert.deepEqual(checkParameters(null, { a: 1 }), []);
  assert.deepEqual(checkParameters({}, { a: 1 }), []);
});

Deno.test("checkParameters() uses a JSON Schema as it stands, in any dialect", () => {
  const schema: JsonObject = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "https://example.com/same",
    $async: true,
    type: "object",
    properties: { a: { type: "integer" } },
    required: ["a"],
    additionalProperties: false,
  };
  assert.deepEqual(checkParameters(schema, { a: 1 }), []);
  assert.deepEqual(
    checkParameters(schema, { b: 1 }).map(({ message }) => message),
    [
      "must have required property 'a'",
      "must NOT have additional properties",
    ],
  );
  const other = { ...schema, properties: { a: { type: "string" } } };
  assert.deepEqual(checkParameters(other, { a: "x" }), []);
});

Deno.test("checkParameters() checks formats", () => {
  const schema: JsonObject = { at: { type: "string", format: "date-time" } };
  assert.deepEqual(checkParameters(schema, { at: "2026-01-01T00:00:00Z" }), []);
  assert.deepEqual(checkParameters(schema, { at: "soon" }), [
    { at: "/at", message: 'must match format "date-time"' },
  ]);
});

Deno.test("checkParameters() says so when the schema cannot be used", () => {
  const schema: JsonObject = { a: { $ref: "#/nowhere" } };
  assert.deepEqual(checkParameters(schema, {}), [{
    at: "",
    message:
      "the schema cannot be used: can't resolve reference #/nowhere from id #",
  }]);
});

const OUTPUTS: [
  JsonObject | null,
  Json,
  { at: string; message: string } | null,
][] = [
  [null, 3, null],
  [{}, "x", null],
  [
    { changed: { type: "integer", required: true } },
    { changed: 1, more: 2 },
    null,
  ],
  [{ changed: { type: "integer", required: true } }, {}, {
    at: "",
    message: "must have required property 'changed'",
  }],
  [{ changed: { type: "integer" } }, { changed: "{{ 1 }}" }, {
    at: "/changed",
    message: "must be integer",
  }],
  [{ changed: { type: "integer" } }, [1], {
    at: "",
    message: "must be object",
  }],
  [{ changed: { type: "integer" } }, null, {
    at: "",
    message: "must be object",
  }],
];
for (const [schema, data, fault] of OUTPUTS) {
  Deno.test(`checkOutput() of ${JSON.stringify(data)} against ${JSON.stringify(schema)}`, () => {
    assert.deepEqual(checkOutput(schema, data), fault);
  });
}

Deno.test("checkOutput() keeps its answers while many schemas come and go", () => {
  const schemaOf = (n: number): JsonObject => ({
    [`k${n}`]: { type: "integer", required: true },
  });
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 600; n++) {
      assert.equal(checkOutput(schemaOf(n), { [`k${n}`]: n }), null);
      assert.notEqual(checkOutput(schemaOf(n), {}), null);
    }
  }
});

Deno.test("checkParameters() never throws", () => {
  const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>;
  const schema = fc.dictionary(
    fc.string(),
    fc.dictionary(
      fc.constantFrom(
        "type",
        "enum",
        "const",
        "default",
        "items",
        "properties",
        "anyOf",
        "oneOf",
        "minimum",
        "pattern",
        "$ref",
        "required",
        "$id",
      ),
      json,
    ),
  ) as fc.Arbitrary<JsonObject>;
  fc.assert(
    fc.property(schema, fc.dictionary(fc.string(), json), (schema, values) => {
      assert.ok(Array.isArray(checkParameters(schema, values as JsonObject)));
    }),
    { numRuns: 500 },
  );
});
