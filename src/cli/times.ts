/** `12s ago`, `3m ago`, `5h ago`, `2d ago`. */
export function ago(timestamp: string, now = Date.now()): string {
  return `${span((now - Date.parse(timestamp)) / 1000)} ago`;
}

/** `0.04 s` between two timestamps; up to `now` when it has not ended; empty when it has not begun. */
export function duration(
  from: string | null,
  to: string | null,
  now = Date.now(),
): string {
  if (from === null) return "";
  const end = to === null ? now : Date.parse(to);
  const seconds = Math.max(0, (end - Date.parse(from)) / 1000);
  return seconds < 10 ? `${seconds.toFixed(2)}s` : span(seconds);
}

function span(seconds: number): string {
  const units: [number, string][] = [[86_400, "d"], [3600, "h"], [60, "m"]];
  const [size, unit] = units.find(([size]) => seconds >= 2 * size) ?? [1, "s"];
  return `${Math.max(0, Math.floor(seconds / size))}${unit}`;
}
