import { join } from "node:path";

/** Removes a file or tree even when directories in it are read-only. Never rejects. */
export async function removeTree(path: string): Promise<void> {
  for (const again of [true, true, false]) {
    try {
      // deno-lint-ignore no-await-in-loop -- each try follows a repair
      await Deno.remove(path, { recursive: true });
      return;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || !again) return;
    }
    // Somebody who is being ended may still write, or took rights away.
    // deno-lint-ignore no-await-in-loop -- each try follows a repair
    await openUp(path);
  }
}

async function openUp(dir: string): Promise<void> {
  try {
    await Deno.chmod(dir, 0o700);
    for await (const { name, isDirectory } of Deno.readDir(dir)) {
      if (isDirectory) await openUp(join(dir, name));
    }
  } catch {
    // It vanished meanwhile, or it is not ours.
  }
}
