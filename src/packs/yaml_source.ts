/** Component files over this are refused before they are read. */
const YAML_BYTES = 1024 * 1024;

/** The text of a YAML file, or why it is none. */
export type YamlSource =
  | { text: string; why?: undefined }
  | { text?: undefined; line: number; why: string };

/** Reads a file of at most 1 MiB of valid UTF-8; a byte order mark is dropped. */
export async function readYamlSource(path: string): Promise<YamlSource> {
  const info = await Deno.stat(path);
  if (!info.isFile) return { line: 1, why: "not a regular file" };
  if (info.size > YAML_BYTES) {
    return {
      line: 1,
      why: `the file has ${info.size} bytes; at most ${YAML_BYTES} are read`,
    };
  }
  return decodeYaml(await Deno.readFile(path));
}

/** Text of `bytes`, or the line of the first NUL or of the first byte that is not UTF-8. */
function decodeYaml(bytes: Uint8Array): YamlSource {
  const nul = bytes.indexOf(0);
  if (nul >= 0) {
    const line = bytes.subarray(0, nul).filter((byte) => byte === 10).length;
    return { line: line + 1, why: "a NUL character" };
  }
  const text = strictUtf8(bytes);
  if (text !== undefined) return { text };
  return { line: firstBadLine(bytes), why: "not valid UTF-8" };
}

function strictUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** A newline byte is never part of a longer sequence, so lines can be judged one by one. */
function firstBadLine(bytes: Uint8Array): number {
  let from = 0;
  for (let line = 1;; line++) {
    const end = bytes.indexOf(10, from);
    if (end < 0 || strictUtf8(bytes.subarray(from, end)) === undefined) {
      return line;
    }
    from = end + 1;
  }
}
