import { dirname, join } from "node:path";

/** A pack in a temporary directory; disposing removes it. */
export interface TestPack extends AsyncDisposable {
  dir: string;
}

/**
 * Writes files of a pack `acme`; `pack.yaml` is made up unless it is given. A
 * name that ends in `!` becomes an executable file, content null a directory.
 */
export async function testPack(
  files: Record<string, string | Uint8Array | null>,
): Promise<TestPack> {
  const parent = await Deno.makeTempDir();
  const dir = join(parent, "acme");
  const all = { "pack.yaml": 'ref: acme\nversion: "1.0"\n', ...files };
  for (const [name, content] of Object.entries(all)) {
    const path = join(dir, name.replace(/!$/, ""));
    // deno-lint-ignore no-await-in-loop -- few small files
    await Deno.mkdir(content === null ? path : dirname(path), {
      recursive: true,
    });
    if (content === null) continue;
    const bytes = typeof content === "string"
      ? new TextEncoder().encode(content)
      : content;
    // deno-lint-ignore no-await-in-loop -- few small files
    await Deno.writeFile(path, bytes, {
      mode: name.endsWith("!") ? 0o755 : 0o644,
    });
  }
  return {
    dir,
    [Symbol.asyncDispose]: () => Deno.remove(parent, { recursive: true }),
  };
}
