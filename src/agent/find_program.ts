import { join } from "node:path";

/** Where interpreters are when PATH does not say. */
const MORE_PLACES = [
  "/usr/local/bin",
  "/usr/bin",
  "/bin",
  "/usr/local/go/bin",
  "/opt/java/openjdk/bin",
  "/opt/conda/bin",
];

/** Absolute paths of executables by that name, in the order of the search; a path stands for itself. */
export async function findPrograms(
  name: string,
  path: string | undefined,
): Promise<string[]> {
  const candidates = name.includes("/")
    ? [name]
    : [...new Set([...(path ?? "").split(":"), ...MORE_PLACES])]
      .filter((dir) => dir.startsWith("/"))
      .map((dir) => join(dir, name));
  const found = await Promise.all(
    candidates.map(async (file) => await isProgram(file) ? [file] : []),
  );
  return found.flat();
}

/** True for a regular file that somebody may execute. */
export async function isProgram(file: string): Promise<boolean> {
  try {
    const { isFile, mode } = await Deno.stat(file);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch {
    return false;
  }
}
