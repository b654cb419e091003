import { type Command, Option } from "commander";
import { out, terminalWidth } from "./terminal.ts";
import { type Column, renderTable } from "./table.ts";

export type Format = "table" | "json" | "yaml";

/** Adds `-o table|json|yaml`. */
export function withFormat(command: Command): Command {
  return command.addOption(
    new Option("-o, --output <format>", "how to print")
      .choices(["table", "json", "yaml"]).default("table"),
  );
}

/** Prints many things: a table for people, or the items as they came. */
export function printList<T>(
  items: readonly T[],
  { format, columns, empty }: {
    format: Format;
    columns: readonly Column<T>[];
    /** Said instead of a table without rows. */
    empty: string;
  },
): Promise<void> {
  if (format !== "table") return printData(items, format);
  if (items.length === 0) return out(`${empty}\n`);
  return out(renderTable(items, columns, { width: terminalWidth() }));
}

/** Prints one thing: its fields line by line, or as it came. */
export async function printOne(value: object, format: Format): Promise<void> {
  if (format !== "table") return printData(value, format);
  const { stringify } = await import("yaml");
  const shown = Object.entries(value).filter(([, v]) => !isEmpty(v));
  const width = Math.max(0, ...shown.map(([key]) => key.length));
  const lines = shown.map(([key, field]) => {
    const name = `${key}:`.padEnd(width + 2);
    if (typeof field !== "object") return `${name}${block(String(field))}`;
    const text = stringify(field).trimEnd().replaceAll("\n", "\n  ");
    return `${name.trimEnd()}\n  ${text}`;
  });
  await out(`${lines.join("\n")}\n`);
}

/** JSON or YAML, exactly as the API sent it. */
export async function printData(
  value: unknown,
  format: "json" | "yaml",
): Promise<void> {
  if (format === "json") return out(`${JSON.stringify(value, null, 2)}\n`);
  const { stringify } = await import("yaml");
  await out(stringify(value));
}

function block(text: string): string {
  return text.includes("\n")
    ? `\n  ${text.trimEnd().replaceAll("\n", "\n  ")}`
    : text;
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
