/** Shipped runtimes: canonical name -> other spellings (packs.md 4.6). */
export const SHIPPED_RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  shell: ["bash", "sh"],
  python: ["python3"],
  node: ["nodejs", "node.js"],
  native: ["builtin", "standalone"],
  deno: ["typescript", "ts"],
  wasm: ["wasi", "webassembly"],
  ruby: ["rb"],
  go: ["golang"],
  java: ["jdk", "openjdk"],
  perl: ["perl5"],
  r: ["rscript"],
};

const CANONICAL = new Map<string, string>(
  Object.entries(SHIPPED_RUNTIMES).flatMap(([name, aliases]) => [
    [name, name],
    ...aliases.map((alias): [string, string] => [alias, name]),
  ]),
);

/**
 * The one spelling of a shipped runtime for a name, alias or core ref
 * (`core.nodejs`, `core.action.shell`); undefined when the table does not have it.
 */
export function shippedRuntime(name: string): string | undefined {
  const text = name.trim().toLowerCase().replace(
    /^core\.(?:(?:action|sensor)\.)?/,
    "",
  );
  return CANONICAL.get(text);
}

/** The canonical name if the table has it, else the name trimmed and lower-cased. */
export function canonicalRuntime(name: string): string {
  return shippedRuntime(name) ?? name.trim().toLowerCase();
}
