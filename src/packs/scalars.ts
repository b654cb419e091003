import { didYouMean } from "../domain/did_you_mean.ts";
import { mustBe, type Reader } from "./fields.ts";
import { shown } from "./report.ts";

/** Any text. */
export const text: Reader<string> = (value, at) =>
  typeof value === "string" ? value : at.error(
    mustBe("text", value) +
      (typeof value === "object" ? "" : "; put it in quotes"),
  );

/** `true` or `false` and nothing else. */
export const bool: Reader<boolean> = (value, at) =>
  typeof value === "boolean"
    ? value
    : at.error(mustBe("true or false", value) + yesNo(value));

function yesNo(value: unknown): string {
  if (typeof value !== "string") return "";
  const word = value.toLowerCase();
  if (["yes", "on", "y"].includes(word)) return "; write true";
  if (["no", "off", "n"].includes(word)) return "; write false";
  return "";
}

export interface Range {
  least?: number;
  most?: number;
  /** The value must be greater than this. */
  over?: number;
  integer?: boolean;
}

/** A number within a range. */
export function number(range: Range = {}): Reader<number> {
  const what = rangeText(range);
  return (value, at) =>
    typeof value === "number" && inRange(value, range)
      ? value
      : at.error(mustBe(what, value));
}

function inRange(value: number, range: Range): boolean {
  const { least = -Infinity, most = Infinity, over = -Infinity } = range;
  if (range.integer && !Number.isSafeInteger(value)) return false;
  return value >= least && value <= most && value > over;
}

function rangeText({ least, most, over, integer }: Range): string {
  const what = integer ? "a whole number" : "a number";
  if (least !== undefined && most !== undefined) {
    return `${what} from ${least} to ${most}`;
  }
  if (least !== undefined) return `${what} of at least ${least}`;
  if (over !== undefined) return `${what} greater than ${over}`;
  return what;
}

/** One of a few words; `others` are further spellings of them. */
export function oneOf<const T extends string>(
  words: readonly T[],
  others: Record<string, T> = {},
): Reader<T> {
  return (value, at) => {
    const word = words.find((known) => known === value);
    if (word !== undefined) return word;
    if (typeof value !== "string") {
      return at.error(mustBe(wordList(words), value));
    }
    if (Object.hasOwn(others, value)) return others[value];
    const near = value.length <= 64 ? didYouMean(value, words) : undefined;
    return at.error(
      mustBe(wordList(words), value) +
        (near === undefined ? "" : ` (did you mean '${near}'?)`),
    );
  };
}

function wordList(words: readonly string[]): string {
  return words.length === 1
    ? `'${words[0]}'`
    : `${words.slice(0, -1).map((word) => `'${word}'`).join(", ")} or '${
      words.at(-1)
    }'`;
}

/** Text where a YAML number is a common slip: it is taken as written, with a warning. */
export const versionText: Reader<string> = (value, at) => {
  if (typeof value !== "number") return text(value, at);
  const written = at.source ?? String(value);
  at.warn(
    `is a number and is taken as ${shown(written)}; put it in quotes`,
  );
  return written;
};

/** Text that is a regular expression. */
export const regex: Reader<string> = (value, at) => {
  const pattern = text(value, at);
  if (pattern === undefined) return;
  try {
    new RegExp(pattern);
    return pattern;
  } catch (error) {
    return at.error(
      `is not a regular expression: ${(error as Error).message}`,
    );
  }
};
