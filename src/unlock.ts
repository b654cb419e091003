/**
 * Gives a locked file back and closes it. Closing alone is not enough: a child
 * that is just being started has a copy of the descriptor until its exec, and
 * the lock lives as long as any copy.
 */
export function unlockAndClose(file: Deno.FsFile): void {
  file.unlockSync();
  file.close();
}
