import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import type { JsonObject } from "../domain/json.ts";
import { InvalidParameters } from "./invalid_parameters.ts";
import { parameterDocument } from "./parameter_document.ts";

const CASES: [string, "json" | "yaml" | "dotenv", JsonObject, string][] = [
  ["no parameters, json", "json", {}, "{}\n"],
  ["no parameters, yaml", "yaml", {}, "{}\n"],
  ["no parameters, dotenv", "dotenv", {}, "\n"],
  [
    "json is compact, unescaped and keeps order",
    "json",
    { b: { z: 1, a: [1, "é"] }, a: null },
    '{"b":{"z":1,"a":[1,"é"]},"a":null}\n',
  ],
  [
    "yaml is a block mapping without anchors",
    "yaml",
    { a: { b: [1, 2] }, x: null },
    "a:\n  b:\n    - 1\n    - 2\nx: null\n",
  ],
  [
    "yaml quotes what would read as another type",
    "yaml",
    { a: "true", b: "12", c: "null", d: "", e: "yes", f: "plain" },
    'a: "true"\nb: "12"\nc: "null"\nd: ""\ne: "yes"\nf: plain\n',
  ],
  [
    "dotenv flattens, sorts by bytes and quotes",
    "dotenv",
    {
      z: "it's",
      headers: { Accept: "x", "A-b": { c: 1.5 } },
      empty: {},
      list: [1, { a: "b" }],
      no: null,
      yes: true,
      Z: "two\nlines",
      "é": "",
    },
    "Z='two\nlines'\nheaders.A-b.c='1.5'\nheaders.Accept='x'\nlist='[1,{\"a\":\"b\"}]'\nno=''\nyes='true'\nz='it'\\''s'\né=''\n",
  ],
  [
    "dotenv sorts characters beyond the basic plane after the others",
    "dotenv",
    { "\u{10000}": "b", "\uffee": "a" },
    "\uffee='a'\n\u{10000}='b'\n",
  ],
];

for (const [name, format, parameters, text] of CASES) {
  Deno.test(`parameterDocument() writes ${name}`, () => {
    assert.equal(parameterDocument(parameters, format), text);
  });
}

for (const key of ["a=b", "a b", "a'b", 'a"b', "a\\b", "a\nb", "a\u0001", ""]) {
  Deno.test(`parameterDocument() refuses the dotenv key ${JSON.stringify(key)}`, () => {
    const refused = { name: "InvalidParameters" };
    assert.throws(() => parameterDocument({ [key]: 1 }, "dotenv"), refused);
    assert.throws(
      () => parameterDocument({ o: { [`${key} `]: 1 } }, "dotenv"),
      refused,
    );
    assert.doesNotThrow(() => parameterDocument({ [key]: 1 }, "json"));
  });
}

Deno.test("parameterDocument() refuses two keys that flatten to one", () => {
  assert.throws(
    () => parameterDocument({ "a.b": 1, a: { b: 2 } }, "dotenv"),
    (error) =>
      error instanceof InvalidParameters && /"a\.b"/.test(error.message),
  );
});

Deno.test("parameterDocument() writes yaml and json that read back the same", () => {
  const json = fc.jsonValue({ maxDepth: 3 }).map((v) =>
    JSON.parse(JSON.stringify(v))
  );
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string({ minLength: 1 }).filter((k) =>
          k !== "__proto__" && k !== "<<"
        ),
        json,
      ),
      (value) => {
        const parameters = JSON.parse(JSON.stringify(value)) as JsonObject;
        for (const format of ["json", "yaml"] as const) {
          const text = parameterDocument(parameters, format);
          assert.match(text, /[^\n]\n$|\n$/);
          assert.deepEqual(
            format === "json" ? JSON.parse(text) : parse(text),
            parameters,
          );
        }
      },
    ),
  );
});

Deno.test("parameterDocument() writes dotenv values that sh reads back exactly", async () => {
  const values = fc.sample(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(
        fc.constantFrom("'", '"', "\\", "\n", "$(x)", "`", " ", "!", "é", "\r"),
      )
        .map((parts) => parts.join("")),
    ).map((s) => s.toWellFormed().replaceAll("\0", "")),
    300,
  );
  const parameters = Object.fromEntries(values.map((v, i) => [`v${i}`, v]));
  const script = parameterDocument(parameters, "dotenv") +
    values.map((_, i) => `printf '%s\\0' "$v${i}"\n`).join("");
  const child = new Deno.Command("/bin/sh", {
    args: ["-s"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const fed = writer.write(new TextEncoder().encode(script)).then(() =>
    writer.close()
  );
  const { stdout } = await child.output();
  await fed;
  const read = new TextDecoder("utf-8", { ignoreBOM: true }).decode(stdout)
    .split("\0").slice(0, -1);
  assert.deepEqual(read, values);
});
