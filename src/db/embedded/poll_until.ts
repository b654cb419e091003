/** Asks every 4 ms, for what has no event; false when `withinMs` went by without a yes. */
export async function pollUntil(
  check: () => Promise<boolean>,
  withinMs: number,
): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  // deno-lint-ignore no-await-in-loop -- asking again is the point
  while (!await check()) {
    if (performance.now() > deadline) return false;
    // deno-lint-ignore no-await-in-loop -- asking again is the point
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  return true;
}
