import { Lexer, LineCounter, parseDocument } from "yaml";
import { isObject } from "../domain/json.ts";
import { convertNode, TooMuch } from "./convert_node.ts";
import type { Located } from "./located.ts";
import type { FileReport } from "./report.ts";

/** Far more than a file that people write; parsing takes some microseconds for each. */
const MOST_TOKENS = 200_000;

/**
 * Parses one YAML 1.2 (core schema) document whose top level is a mapping.
 * Undefined when it has errors; they are in `report`. Hostile text costs
 * bounded time and memory.
 */
export function parseYaml(
  text: string,
  report: FileReport,
): Located | undefined {
  const lineCounter = new LineCounter();
  const lineOf = (offset: number) => lineCounter.linePos(offset).line || 1;
  if (!isModest(text)) {
    report.error(1, "", "the document has too many parts to be read");
    return;
  }
  try {
    const doc = parseDocument(text, {
      version: "1.2",
      schema: "core",
      lineCounter,
      prettyErrors: false,
      // The library compares every key with every other; the conversion finds duplicates in one pass.
      uniqueKeys: false,
      // Anything quieter would keep a second document to itself.
      logLevel: "error",
    });
    for (const { pos, code, message } of doc.errors) {
      if (/^Maximum call stack/.test(message)) throw new RangeError(message);
      report.error(lineOf(pos[0]), "", errorText(code, message));
    }
    for (const { pos, message } of doc.warnings) {
      report.warn(lineOf(pos[0]), "", plain(message));
    }
    if (report.errors.length > 0) return;
    const { value, marks } = convertNode(doc.contents, { lineOf, report });
    if (report.errors.length > 0) return;
    if (isObject(value)) return { root: value, marks };
    report.error(1, "", "the top level must be a mapping (key: value)");
  } catch (error) {
    if (error instanceof TooMuch) {
      report.error(error.line, "", error.message);
    } else if (error instanceof RangeError) {
      report.error(1, "", "the document is nested too deeply");
    } else {
      throw error;
    }
  }
}

function isModest(text: string): boolean {
  const tokens = new Lexer().lex(text);
  for (let seen = 0; seen <= MOST_TOKENS; seen++) {
    if (tokens.next().done) return true;
  }
  return false;
}

function errorText(code: string, message: string): string {
  return code === "MULTIPLE_DOCS"
    ? "a second document begins here; a file holds one"
    : plain(message);
}

/** One line, beginning in lower case like every other message. */
function plain(message: string): string {
  const line = message.replace(/\s+/g, " ").trim();
  return /^[A-Z][a-z]/.test(line)
    ? line.charAt(0).toLowerCase() + line.slice(1)
    : line;
}
