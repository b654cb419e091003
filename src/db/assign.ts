import type { Db } from "./connect.ts";

type Fragment = ReturnType<Db>;

/** `a = 1, b = 2, updated = now()`: the assignments that are given, for a partial update. */
export function assign(
  sql: Db,
  assignments: (Fragment | undefined)[],
): Fragment {
  return assignments.reduce<Fragment>(
    (all, one) => one === undefined ? all : sql`${one}, ${all}`,
    sql`updated = now()`,
  );
}

/** `make(value)` when there is a value; undefined = leave the column alone. */
export function given<T>(
  value: T | undefined,
  make: (value: T) => Fragment,
): Fragment | undefined {
  return value === undefined ? undefined : make(value);
}

/** What a `${…}::text::json` or `::text::jsonb` parameter takes. */
export function jsonText(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}
