import { identOf } from "./ref.ts";
import { canonicalRuntime, shippedRuntime } from "./runtime_name.ts";

/** What resolution looks at in a runtime row. */
export interface NamedRuntime {
  ref: string;
  /** Canonical name. */
  name: string;
  aliases: readonly string[];
}

/**
 * The row that a name means (packs.md 4.6): by name, ref, ref suffix or alias,
 * in any case. Of several the core pack's, then by ref, `auto.*` last.
 */
export function resolveRuntime<T extends NamedRuntime>(
  written: string,
  rows: readonly T[],
): T | undefined {
  const name = canonicalRuntime(written);
  return rows.filter((row) => claims(row, name)).toSorted(byRank)[0];
}

/** The one spelling of a runtime: of the shipped table, else of the row that claims it, else as written in lower case. */
export function canonicalName(
  written: string,
  rows: readonly NamedRuntime[],
): string {
  return shippedRuntime(written) ?? resolveRuntime(written, rows)?.name ??
    canonicalRuntime(written);
}

function claims(row: NamedRuntime, name: string): boolean {
  return [row.name, row.ref, identOf(row.ref), ...row.aliases].includes(name);
}

function byRank(a: NamedRuntime, b: NamedRuntime): number {
  return rank(a) - rank(b) || (a.ref < b.ref ? -1 : 1);
}

function rank({ ref }: NamedRuntime): number {
  return ref.startsWith("core.") ? 0 : ref.startsWith("auto.") ? 2 : 1;
}
