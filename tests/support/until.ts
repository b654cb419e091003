/**
 * Waits for a condition that has no event of its own: asks again until `check`
 * answers something other than undefined or false. Rejects after `withinMs`
 * with `what` in the message.
 */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  { withinMs = 20_000, everyMs = 20 } = {},
): Promise<T> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      // deno-lint-ignore no-await-in-loop -- asking again is the point
      const value = await check();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    // deno-lint-ignore no-await-in-loop -- asking again is the point
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw new Error(
    `Waited ${withinMs} ms for ${what}${
      last
        ? `; last error: ${last}${
          last instanceof Error && last.cause ? ` (${last.cause})` : ""
        }`
        : ""
    }`,
  );
}
