import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import type { Json, JsonObject } from "../domain/json.ts";
import type { Mark, Marks } from "./located.ts";
import { type FileReport, shown } from "./report.ts";

/** Levels of nesting; deeper values would break whoever walks them later. */
const DEEPEST = 64;
/** Values plus characters of text with every alias written out: what JSON would hold. */
const LARGEST = 2 * 1024 * 1024;

/** The document is too deep or too large to be converted any further. */
export class TooMuch extends Error {
  constructor(readonly line: number, message: string) {
    super(message);
  }
}

interface Converted {
  value: Json;
  size: number;
}

interface Work {
  lineOf(offset: number): number;
  report: FileReport;
  marks: Marks;
  /** Anchors met so far; null while the node they name is being converted. */
  anchors: Map<string, Converted | null>;
}

/**
 * Turns a parsed node into plain JSON, resolving aliases and `<<`, and
 * remembers the line of every key and item. Duplicate keys, values JSON cannot
 * hold and the like are reported. Throws {@linkcode TooMuch}.
 */
export function convertNode(
  node: unknown,
  from: Pick<Work, "lineOf" | "report">,
): { value: Json; marks: Marks } {
  const work: Work = { ...from, marks: new WeakMap(), anchors: new Map() };
  const { value } = convert(node, work, 0);
  return { value, marks: work.marks };
}

function convert(node: unknown, work: Work, depth: number): Converted {
  if (isAlias(node)) return aliased(node.source, lineOf(node, work), work);
  const anchor = (node as { anchor?: string } | null)?.anchor;
  if (anchor) work.anchors.set(anchor, null);
  const converted = convertPlain(node, work, depth);
  if (anchor) work.anchors.set(anchor, converted);
  return converted;
}

function convertPlain(node: unknown, work: Work, depth: number): Converted {
  if (isScalar(node)) return scalar(node, work);
  if (!isMap(node) && !isSeq(node)) return { value: null, size: 1 };
  if (depth === DEEPEST) {
    throw new TooMuch(
      lineOf(node, work),
      `nested more than ${DEEPEST} levels deep`,
    );
  }
  return isMap(node) ? map(node, work, depth + 1) : seq(node, work, depth + 1);
}

function aliased(name: string, line: number, work: Work): Converted {
  const found = work.anchors.get(name);
  if (found) return found;
  work.report.error(
    line,
    "",
    found === null
      ? `alias '*${name}' is inside what it refers to`
      : `alias '*${name}' has no anchor '&${name}' before it`,
  );
  return { value: null, size: 1 };
}

function scalar(node: Scalar, work: Work): Converted {
  const { value } = node;
  if (typeof value === "string") {
    if (value.includes("\0") || !value.isWellFormed()) {
      work.report.error(
        lineOf(node, work),
        "",
        "text has a NUL character or half of a surrogate pair, which cannot be stored",
      );
    }
    return { value, size: value.length + 1 };
  }
  if (typeof value === "number") {
    checkNumber(value, node, work);
    return { value: Number.isFinite(value) ? value : null, size: 1 };
  }
  return { value: typeof value === "boolean" ? value : null, size: 1 };
}

function checkNumber(value: number, node: Scalar, work: Work): void {
  const line = lineOf(node, work);
  const text = node.source ?? String(value);
  if (!Number.isFinite(value)) {
    work.report.error(line, "", `${shown(text)} is not a finite number`);
  } else if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    work.report.warn(
      line,
      "",
      `${
        shown(text)
      } is too large to be an exact number; put it in quotes to keep every digit`,
    );
  }
}

function seq(node: YAMLSeq, work: Work, depth: number): Converted {
  const marks = new Map<string, Mark>();
  const value: Json[] = [];
  let size = 1;
  for (const item of node.items) {
    // In `[a: 1]` the item is a pair without a map of its own.
    const inner = isPair(item)
      ? pairMap(item, work, depth)
      : convert(item, work, depth);
    marks.set(String(value.length), markOf(item, work));
    value.push(inner.value);
    size = sum(size, inner.size, node, work);
  }
  work.marks.set(value, marks);
  return { value, size };
}

function pairMap(pair: Pair, work: Work, depth: number): Converted {
  return entries([pair], pair.key as Node, work, depth);
}

function map(node: YAMLMap, work: Work, depth: number): Converted {
  return entries(node.items, node, work, depth);
}

function entries(
  pairs: readonly Pair[],
  node: Node,
  work: Work,
  depth: number,
): Converted {
  const own = new Map<string, Json>();
  const merged: { value: JsonObject; marks: Map<string, Mark> }[] = [];
  const marks = new Map<string, Mark>();
  let size = 1;
  for (const pair of pairs) {
    const inner = convert(pair.value, work, depth);
    size = sum(size, inner.size, node, work);
    if (isMerge(pair.key)) {
      merged.push(...mergeSources(inner.value, pair, work));
      continue;
    }
    const key = keyText(pair.key, work);
    if (key === undefined) continue;
    const line = lineOf(pair.key, work, lineOf(node, work));
    const before = marks.get(key);
    if (before !== undefined) {
      work.report.error(
        line,
        key,
        `duplicate key ${quoted(key)} (first in line ${before.line})`,
      );
      continue;
    }
    size = sum(size, key.length, node, work);
    marks.set(key, { line, source: sourceOf(pair.value) });
    own.set(key, inner.value);
  }
  for (const source of merged) {
    for (const [key, value] of Object.entries(source.value)) {
      if (own.has(key)) continue;
      own.set(key, value);
      marks.set(key, source.marks.get(key) ?? { line: lineOf(node, work) });
    }
  }
  // fromEntries defines properties: a key `__proto__` stays a key.
  const value: JsonObject = Object.fromEntries(own);
  work.marks.set(value, marks);
  return { value, size };
}

function isMerge(key: unknown): boolean {
  return isScalar(key) && key.value === "<<" && key.type === Scalar.PLAIN;
}

function mergeSources(value: Json, pair: Pair, work: Work) {
  const list = Array.isArray(value) ? value : [value];
  return list.flatMap((source) => {
    const marks = typeof source === "object" && source !== null
      ? work.marks.get(source)
      : undefined;
    if (marks !== undefined && !Array.isArray(source)) {
      return [{ value: source as JsonObject, marks }];
    }
    work.report.error(
      lineOf(pair.key, work),
      "<<",
      "'<<' takes a mapping or a list of mappings",
    );
    return [];
  });
}

function keyText(key: unknown, work: Work): string | undefined {
  if (isAlias(key)) {
    const { value } = aliased(key.source, lineOf(key, work), work);
    if (typeof value === "string" && value !== "") return value;
  }
  if (isScalar(key)) {
    const text = typeof key.value === "string"
      ? key.value
      : key.source ?? String(key.value);
    if (text !== "" && !text.includes("\0") && text.isWellFormed()) return text;
  }
  work.report.error(
    lineOf(key, work),
    "",
    "a key must be text that is not empty",
  );
}

function sum(a: number, b: number, node: Node, work: Work): number {
  if (a + b <= LARGEST) return a + b;
  throw new TooMuch(
    lineOf(node, work),
    "the document grows too large when its aliases are written out",
  );
}

function markOf(node: unknown, work: Work): Mark {
  const at = isPair(node) ? node.key : node;
  return { line: lineOf(at, work), source: sourceOf(node) };
}

function sourceOf(node: unknown): string | undefined {
  return isScalar(node) ? node.source : undefined;
}

function lineOf(node: unknown, work: Work, otherwise = 1): number {
  const range = (node as { range?: readonly number[] | null } | null)?.range;
  return range ? work.lineOf(range[0]!) : otherwise;
}

function quoted(key: string): string {
  return `'${key.length <= 60 ? key : `${key.slice(0, 57)}...`}'`;
}
