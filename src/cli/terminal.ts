import { createColors } from "picocolors";

const encoder = new TextEncoder();

/** Writes all of `text` to standard output. */
export function out(text: string): Promise<void> {
  return writeAll(Deno.stdout, text);
}

/** Writes all of `text` to standard error. */
export function err(text: string): Promise<void> {
  return writeAll(Deno.stderr, text);
}

async function writeAll(
  to: { write(bytes: Uint8Array): Promise<number> },
  text: string,
): Promise<void> {
  let bytes = encoder.encode(text);
  while (bytes.length > 0) {
    // deno-lint-ignore no-await-in-loop -- a pipe takes what it has room for
    bytes = bytes.subarray(await to.write(bytes));
  }
}

/** Colours for a stream: real ones only on a terminal, and never under NO_COLOR. */
export function colorsFor(
  stream: { isTerminal(): boolean } = Deno.stdout,
): ReturnType<typeof createColors> {
  return createColors(stream.isTerminal() && !Deno.env.get("NO_COLOR"));
}

/** Columns of the terminal that standard output is; undefined when it is none. */
export function terminalWidth(): number | undefined {
  if (!Deno.stdout.isTerminal()) return undefined;
  try {
    return Deno.consoleSize().columns;
  } catch {
    return undefined;
  }
}
