import { dirname } from "node:path";

export interface LogFile extends Disposable {
  /** One line with its newline. */
  write(line: string): void;
}

/** A full file becomes `<path>.1`, that one `<path>.2`, and so on. */
const KEPT = 3;

/** A file that lines are appended to and that never grows beyond `maxBytes`; older ones are kept beside it. */
export function openLogFile(
  path: string,
  { maxBytes = 10 * 2 ** 20 }: { maxBytes?: number } = {},
): LogFile {
  Deno.mkdirSync(dirname(path), { recursive: true });
  const encoder = new TextEncoder();
  const open = () =>
    Deno.openSync(path, { append: true, create: true, mode: 0o600 });
  let file: Deno.FsFile | undefined = open();
  let size = file.statSync().size;

  function rotate() {
    file?.close();
    for (let n = KEPT - 1; n >= 0; n--) {
      const from = n === 0 ? path : `${path}.${n}`;
      try {
        Deno.renameSync(from, `${path}.${n + 1}`);
      } catch {
        // There are not that many yet.
      }
    }
    file = open();
    size = 0;
  }
  return {
    write(line) {
      const bytes = encoder.encode(line);
      if (size > 0 && size + bytes.length > maxBytes) rotate();
      size += bytes.length;
      for (let at = 0; at < bytes.length;) {
        at += file?.writeSync(bytes.subarray(at)) ?? bytes.length;
      }
    },
    [Symbol.dispose]() {
      file?.close();
      file = undefined;
    },
  };
}
