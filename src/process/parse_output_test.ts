import assert from "node:assert/strict";
import fc from "fast-check";
import { parseOutput } from "./parse_output.ts";

type Format = Parameters<typeof parseOutput>[1];
const GOOD: [Format, string, unknown][] = [
  ["text", '{"a":1}', undefined],
  ["json", '{"a":\n1}\n', { a: 1 }],
  ["json", 'hello\nworld\n{"a":1}\n\n', { a: 1 }],
  ["json", "null", null],
  ["json", "noise\n42", 42],
  ["yaml", "a: 1\nb: [x, yes]\n", { a: 1, b: ["x", "yes"] }],
  ["yaml", "---\na: 2020-01-01\n", { a: "2020-01-01" }],
  ["yaml", "just text", "just text"],
  ["jsonl", '{"a":1}\n\n 2 \n"x"', [{ a: 1 }, 2, "x"]],
  ["jsonl", "1\r\n2\r\n", [1, 2]],
];
for (const [format, stdout, data] of GOOD) {
  Deno.test(`parseOutput() reads ${format} from ${JSON.stringify(stdout)}`, () => {
    const parsed = parseOutput(stdout, format);
    assert.deepEqual([parsed.data, parsed.error], [data, undefined]);
  });
}

for (const format of ["text", "json", "yaml", "jsonl"] as const) {
  Deno.test(`parseOutput() finds neither data nor fault in blank ${format}`, () => {
    for (const stdout of ["", " \n\t\n"]) {
      assert.deepEqual(parseOutput(stdout, format), {});
    }
  });
}

const BAD: [Format, string, unknown, string][] = [
  ["json", "one\ntwo\n\n", undefined, "line 2"],
  ["yaml", "a: 1\nb: [", undefined, "line 2"],
  ["yaml", "a: 1\na: 2", undefined, "line 2"],
  ["yaml", "a: 1\n---\nb: 2", undefined, "line 1"],
  ["jsonl", "1\nx\n3\ny", [1, 3], "line 2"],
];
for (const [format, stdout, data, at] of BAD) {
  Deno.test(`parseOutput() says where ${format} is wrong in ${JSON.stringify(stdout)}`, () => {
    const parsed = parseOutput(stdout, format);
    assert.deepEqual([parsed.data, parsed.error?.kind, parsed.error?.at], [
      data,
      "parse",
      at,
    ]);
    assert.doesNotMatch(parsed.error!.message, /\n/);
  });
}

Deno.test("parseOutput() takes a truncated jsonl as a fault and keeps its lines", () => {
  const parsed = parseOutput("1\n2\n", "jsonl", { truncated: true });
  assert.deepEqual(parsed.data, [1, 2]);
  assert.match(parsed.error!.message, /truncated/);
});

Deno.test("parseOutput() never throws", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.json(),
    fc.constantFrom("&a [*a]", "!!js/function x", "? [a]: b", "a: .inf"),
  );
  fc.assert(
    fc.property(
      text,
      fc.constantFrom("json", "yaml", "jsonl"),
      (stdout, format) => {
        const { data } = parseOutput(stdout, format as Format);
        if (data !== undefined) JSON.stringify(data);
      },
    ),
    { numRuns: 1_000 },
  );
});
