import { CliError, EXIT, usageError } from "./exit.ts";
import { err } from "./terminal.ts";

const ENTER = new Set(["\r", "\n"]);
const BACKSPACE = new Set(["\x7f", "\b"]);
const CTRL_C = "\x03";
const CTRL_D = "\x04";

/** A password from a terminal, unseen, or the first line of standard input. */
export async function readPassword(
  { fromStdin = false }: { fromStdin?: boolean | undefined },
): Promise<string> {
  if (fromStdin) {
    const text = await new Response(Deno.stdin.readable).text();
    return text.split(/\r?\n/)[0]!;
  }
  if (!Deno.stdin.isTerminal()) {
    throw usageError(
      "There is no terminal to ask for the password: use --password-stdin",
    );
  }
  await err("Password: ");
  Deno.stdin.setRaw(true);
  try {
    return await readUnseen();
  } finally {
    Deno.stdin.setRaw(false);
    await err("\n");
  }
}

async function readUnseen(): Promise<string> {
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(256);
  let password = "";
  while (true) {
    // deno-lint-ignore no-await-in-loop -- keys come one after the other
    const size = await Deno.stdin.read(bytes);
    if (size === null) return password;
    for (
      const key of decoder.decode(bytes.subarray(0, size), { stream: true })
    ) {
      if (ENTER.has(key) || key === CTRL_D) return password;
      if (key === CTRL_C) throw new CliError(EXIT.interrupted, "Interrupted");
      if (BACKSPACE.has(key)) password = [...password].slice(0, -1).join("");
      else password += key;
    }
  }
}
