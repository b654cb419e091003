/** A column: its heading and the text of a cell. */
export interface Column<T> {
  name: string;
  cell: (item: T) => string;
  /** Colours a cell after its width is known. */
  paint?: (text: string, item: T) => string;
}

/**
 * Aligned columns with a heading line. With `width`, what does not fit a line
 * is cut from the widest columns and ends in `…`.
 */
export function renderTable<T>(
  items: readonly T[],
  columns: readonly Column<T>[],
  { width }: { width?: number | undefined } = {},
): string {
  const cells = items.map((item) => columns.map((c) => oneLine(c.cell(item))));
  const widths = columns.map((column, i) =>
    Math.max(column.name.length, ...cells.map((row) => lengthOf(row[i]!)))
  );
  if (width !== undefined) shrink(widths, width);
  const line = (texts: string[], item?: T) =>
    texts.map((text, i) => {
      const { paint } = columns[i]!;
      const cut = fit(text, widths[i]!);
      const padding = " ".repeat(widths[i]! - lengthOf(cut));
      const last = i === columns.length - 1;
      const shown = item !== undefined && paint ? paint(cut, item) : cut;
      return last ? shown : shown + padding;
    }).join("  ").trimEnd() + "\n";
  const heading = line(columns.map((c) => c.name.toUpperCase()));
  return heading + cells.map((row, i) => line(row, items[i])).join("");
}

const GAP = 2;
const LEAST = 6;

function shrink(widths: number[], width: number): void {
  const total = () =>
    widths.reduce((sum, w) => sum + w, 0) + GAP * (widths.length - 1);
  while (total() > width) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= LEAST) return;
    widths[widest]!--;
  }
}

function fit(text: string, width: number): string {
  if (lengthOf(text) <= width) return text;
  return `${[...text].slice(0, width - 1).join("")}…`;
}

function lengthOf(text: string): number {
  return [...text].length;
}

/** Control characters would break the lines, or the terminal. */
function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex -- exactly these are meant
  return text.replace(/[\x00-\x1f\x7f-\x9f]+/g, " ").trim();
}
