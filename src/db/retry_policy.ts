import type { Queryable } from "./connect.ts";

/** Attempts in all when a lost attempt may run again but no retry block says how often. */
const ATTEMPTS_WHEN_LOST = 3;

/**
 * SQL over an action `a` and an execution `e` (packs.md 2.3): whether there may
 * be one more attempt, and how long it waits, as an interval. Without a retry
 * block (only a lost attempt runs again then) there is no wait.
 */
export function attemptsLeft(sql: Queryable) {
  return sql`e.attempt < coalesce((a.retry->>'max_attempts')::int, ${ATTEMPTS_WHEN_LOST})`;
}

export function retryWait(sql: Queryable) {
  return sql`case when a.retry is null then interval '0' else least(
      coalesce((a.retry->>'max_delay')::float8, 300),
      coalesce((a.retry->>'delay')::float8, 1) * case a.retry->>'backoff'
        when 'exponential' then power(2::float8, e.attempt - 1) else 1 end
    ) * interval '1 s' end`;
}

/** True when the policy of `a` names what happened: `failed`, `timed_out` or `lost`. */
export function retriedOn(sql: Queryable, what: ReturnType<Queryable>) {
  return sql`coalesce(a.retry->'on', '["failed", "timed_out"]') ? (${what})`;
}
