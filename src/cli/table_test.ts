import assert from "node:assert/strict";
import { type Column, renderTable } from "./table.ts";

const COLUMNS: Column<{ a: string; b: string }>[] = [
  { name: "a", cell: (i) => i.a },
  { name: "b", cell: (i) => i.b, paint: (text) => `<${text}>` },
];

Deno.test("renderTable() aligns columns and keeps no blanks at line ends", () => {
  assert.equal(
    renderTable([{ a: "long one", b: "1" }, { a: "ü", b: "" }], COLUMNS),
    "A         B\nlong one  <1>\nü         <>\n",
  );
});

Deno.test("renderTable() cuts the widest column to the width", () => {
  const text = renderTable([{ a: "x".repeat(50), b: "short" }], COLUMNS, {
    width: 20,
  });
  assert.deepEqual(text.split("\n")[1], `${"x".repeat(12)}…  <short>`);
});

Deno.test("renderTable() keeps control characters off the terminal", () => {
  const text = renderTable([{ a: "a\n\x1b[31mb", b: "" }], COLUMNS);
  assert.equal(
    text,
    "A        B\na [31mb  <>\n",
  );
});
