import type { Db } from "./connect.ts";

/** True when the database answers within `withinMs`. Never throws. */
export async function isDatabaseUp(
  sql: Db,
  withinMs = 2_000,
): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), withinMs);
  });
  const answer = sql`select 1`.then(() => true, () => false);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
