import assert from "node:assert/strict";
import { errorText } from "./error_text.ts";

const CASES: [string, Partial<Parameters<typeof errorText>[0]>, string][] = [
  ["short stderr as it is", { stderr: "a\nb\n" }, "a\nb"],
  ["five lines", { stderr: "1\n2\n3\n4\n5\n" }, "1\n2\n3\n4\n5"],
  [
    "the last line of a longer stderr",
    { stderr: "1\n2\n3\n4\n5\n  6 \n\n" },
    "6",
  ],
  ["the field error of the last line", {
    stdout: 'x\n{"error":"boom"}\n',
    format: "json",
  }, "boom"],
  ["stderr before that field", {
    stderr: "no",
    stdout: '{"error":"boom"}',
    format: "json",
  }, "no"],
  [
    "the code when text has such a field",
    { stdout: '{"error":"boom"}' },
    "Command exited with code 3",
  ],
  ["the code when the field is no string", {
    stdout: '{"error":1}',
    format: "jsonl",
  }, "Command exited with code 3"],
  [
    "the code when nothing was said",
    { stderr: " \n" },
    "Command exited with code 3",
  ],
];
for (const [name, given, text] of CASES) {
  Deno.test(`errorText() says ${name}`, () => {
    assert.equal(
      errorText({ code: 3, stdout: "", stderr: "", format: "text", ...given }),
      text,
    );
  });
}
