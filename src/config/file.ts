import {
  isMap,
  isScalar,
  LineCounter,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { didYouMean } from "../domain/did_you_mean.ts";

/** What a file says about one key. */
export interface FileValue {
  path: string;
  value: unknown;
  /** `config.yaml:12`. */
  where: string;
}

/** A mistake in the configuration and where it was made. */
export interface ConfigFault {
  /** Variable, or `file:line`. */
  where: string;
  message: string;
}

export interface FileReading {
  values: FileValue[];
  faults: ConfigFault[];
}

/**
 * The values in the text of a configuration file. Keys that begin with `x-`
 * are left alone; any other key that is not in `known` is a fault.
 */
export function readConfigText(
  text: string,
  { file, known }: { file: string; known: readonly string[] },
): FileReading {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
  });
  const at = (offset: number) => `${file}:${lines.linePos(offset).line}`;
  if (document.errors.length > 0) {
    const faults = document.errors.map((error) => ({
      where: at(error.pos[0]),
      message: error.message,
    }));
    return { values: [], faults };
  }
  const reading: FileReading = { values: [], faults: [] };
  if (isMap(document.contents)) {
    walk(document.contents, { prefix: "", known, at, reading });
  } else if (document.contents !== null && document.toJS() !== null) {
    reading.faults.push({
      where: at(document.contents.range?.[0] ?? 0),
      message: "the file must be a mapping of sections and keys",
    });
  }
  return reading;
}

interface Walk {
  prefix: string;
  known: readonly string[];
  at: (offset: number) => string;
  reading: FileReading;
}

function walk(node: YAMLMap, { prefix, known, at, reading }: Walk): void {
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : String(key);
    if (name.startsWith("x-")) continue;
    const path = prefix + name;
    const offset = isScalar(key) ? key.range?.[0] ?? 0 : node.range?.[0] ?? 0;
    const where = at(offset);
    const inside = known.filter((k) => k.startsWith(`${path}.`));
    if (known.includes(path)) {
      const plain = toPlain(value);
      if (plain !== null) reading.values.push({ path, value: plain, where });
    } else if (inside.length === 0) {
      const message = unknownKey(path, prefix, known);
      reading.faults.push({ where, message });
    } else if (isMap(value)) {
      walk(value, { prefix: `${path}.`, known, at, reading });
    } else if (toPlain(value) !== null) {
      const message = `section "${path}" must be a mapping`;
      reading.faults.push({ where, message });
    }
  }
}

function toPlain(node: unknown): unknown {
  if (node === null || node === undefined) return null;
  return (node as { toJSON(): unknown }).toJSON();
}

function unknownKey(
  path: string,
  prefix: string,
  known: readonly string[],
): string {
  const siblings = known.filter((key) => key.startsWith(prefix))
    .map((key) => prefix + key.slice(prefix.length).split(".")[0]);
  const near = didYouMean(path, [...new Set(siblings)]) ??
    known.find((key) => key.endsWith(`.${path.slice(prefix.length)}`));
  return `unknown key "${path}"` +
    (near === undefined ? "" : `; did you mean "${near}"?`);
}
