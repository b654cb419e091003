import { parseAllDocuments } from "yaml";
import type { OutputError } from "../domain/execution.ts";
import type { Json } from "../domain/json.ts";

export interface ParsedOutput {
  /** Absent: nothing to parse, or it did not parse. */
  data?: Json;
  error?: OutputError;
}

/** What an action that ended well printed, as data (packs.md 3.9). */
export function parseOutput(
  stdout: string,
  format: "text" | "json" | "yaml" | "jsonl",
  { truncated = false } = {},
): ParsedOutput {
  if (format === "text" || stdout.trim() === "") return {};
  switch (format) {
    case "json":
      return parseJson(stdout);
    case "yaml":
      return parseYaml(stdout);
    case "jsonl":
      return parseLines(stdout, truncated);
  }
}

function parseJson(stdout: string): ParsedOutput {
  try {
    return { data: JSON.parse(stdout) as Json };
  } catch {
    const { line, number } = lastLine(stdout);
    try {
      return { data: JSON.parse(line) as Json };
    } catch (error) {
      return fault(
        `stdout is not JSON, and neither is its last line: ${messageOf(error)}`,
        number,
      );
    }
  }
}

function parseYaml(stdout: string): ParsedOutput {
  const documents = parseAllDocuments(stdout, { logLevel: "silent" });
  if (!Array.isArray(documents)) return {};
  if (documents.length > 1) {
    return fault(`stdout has ${documents.length} YAML documents, not one`, 1);
  }
  const [document] = documents;
  if (document === undefined) return {};
  const [error] = document.errors;
  if (error !== undefined) {
    const [first = error.message] = error.message.split("\n");
    return fault(
      `stdout is not YAML: ${first.replace(/:$/, "")}`,
      error.linePos?.[0].line ?? 1,
    );
  }
  try {
    // Through JSON, so that dates, infinities and maps with odd keys end as what JSON can hold.
    const data = JSON.parse(
      JSON.stringify(document.toJS({ maxAliasCount: 100 })) ?? "null",
    );
    return { data: data as Json };
  } catch (error) {
    return fault(`stdout is not YAML: ${messageOf(error)}`, 1);
  }
}

function parseLines(stdout: string, truncated: boolean): ParsedOutput {
  const data: Json[] = [];
  let error: OutputError | undefined;
  let number = 0;
  for (const line of stdout.split("\n")) {
    number++;
    if (line.trim() === "") continue;
    try {
      data.push(JSON.parse(line) as Json);
    } catch (cause) {
      error ??= fault(`a line is not JSON: ${messageOf(cause)}`, number).error;
    }
  }
  if (truncated) {
    error = {
      kind: "parse",
      message: "stdout was truncated; the lines after that are missing",
      at: `line ${number}`,
    };
  }
  return error === undefined ? { data } : { data, error };
}

function lastLine(text: string): { line: string; number: number } {
  const lines = text.trimEnd().split("\n");
  return { line: lines.at(-1)!, number: lines.length };
}

function fault(
  message: string,
  line: number,
): { error: OutputError } {
  return { error: { kind: "parse", message, at: `line ${line}` } };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
