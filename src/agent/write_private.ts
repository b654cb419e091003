/** Writes a new file that only this user may read. */
export function writePrivate(
  path: string,
  text: string,
  mode: 0o400 | 0o600,
): void {
  Deno.writeTextFileSync(path, text, { mode, createNew: true });
}
