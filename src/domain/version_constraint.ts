// @ts-types="@types/semver"
import semver from "semver";

/** A parsed constraint on versions (packs.md 4.5). */
export interface Constraint {
  /** As written, trimmed; `*` for an empty one. */
  readonly text: string;
  /** True when every version will do, an unknown one included. */
  readonly any: boolean;
  /** Whether a version as {@linkcode normalizeVersion} gives it will do; null = unknown. */
  matches(version: string | null): boolean;
}

const PARTS = String.raw`(?:\d+|[xX*])(?:\.(?:\d+|[xX*])){0,2}`;
const VERSION = String
  .raw`v?(${PARTS}(?:-[0-9A-Za-z.-]+)?)(?:\+[0-9A-Za-z.-]+)?`;
const HYPHEN = new RegExp(`^${VERSION}\\s+-\\s+${VERSION}$`);
const COMPARATOR = new RegExp(
  `^(\\^|~|>=|<=|>|<|=)?\\s*${VERSION}(?=[\\s,]|$)[\\s,]*`,
);

/**
 * Reads a constraint; null and blank mean any. A bare version means `~`
 * (`3.12` is >=3.12.0 <3.13.0). Throws an Error that says what is wrong.
 */
export function parseConstraint(text: string | null | undefined): Constraint {
  const written = text?.trim() || "*";
  const ranges = written.split("||").map((part) => toRange(part, written));
  let range: semver.Range;
  try {
    range = new semver.Range(ranges.join(" || "));
  } catch (cause) {
    throw invalid(written, `"${written}" is no range`, cause);
  }
  const any = ranges.some((part) => part === "*");
  return {
    text: written,
    any,
    matches: (version) => any || (version !== null && range.test(version)),
  };
}

/** One alternative of a constraint in the notation of npm semver. */
function toRange(part: string, whole: string): string {
  let rest = part.trim().replace(/^[\s,]+/, "");
  if (rest === "" && part.trim() === "" && whole === "*") return "*";
  if (rest === "") throw invalid(whole, "an alternative is empty");
  const hyphen = HYPHEN.exec(rest);
  if (hyphen !== null) return `${hyphen[1]} - ${hyphen[2]}`;
  const comparators: string[] = [];
  while (rest !== "") {
    const match = COMPARATOR.exec(rest);
    if (match === null) throw invalid(whole, `cannot read "${rest}"`);
    const [taken, operator, version] = match;
    comparators.push(comparator(operator, version!));
    rest = rest.slice(taken.length);
  }
  const narrowing = comparators.filter((c) => c !== "*");
  return narrowing.length === 0 ? "*" : narrowing.join(" ");
}

function comparator(operator: string | undefined, version: string): string {
  if (/^[xX*]/.test(version)) {
    return operator?.match(/^[<>]$/) ? "<0.0.0-0" : "*";
  }
  return `${operator ?? "~"}${version}`;
}

function invalid(constraint: string, why: string, cause?: unknown): Error {
  return new Error(
    `Cannot read version constraint "${constraint}": ${why}; write for example 3.12, >=3.11 <4, ^20 or 18 || 20`,
    cause === undefined ? undefined : { cause },
  );
}

/**
 * The exact version in what a program or an operator calls one: `go1.22` is
 * 1.22.0, Java's `1.8.0_392` is 8.0.392, missing parts are zero, build
 * metadata is dropped. Null when there is no version in it.
 */
export function normalizeVersion(text: string): string | null {
  const java = /(?:^|\s|")1\.(\d+)\.(\d+)_(\d+)/.exec(text);
  if (java !== null) return plain(java[1], java[2], java[3]);
  const match =
    /(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\.\d+)*(?:-?((?:alpha|beta|pre|rc|dev|a|b|canary|nightly)[0-9A-Za-z.-]*))?/i
      .exec(text);
  if (match === null) return null;
  const [, major, minor, patch, tag] = match;
  const version = plain(major, minor, patch);
  return tag === undefined
    ? version
    : semver.valid(`${version}-${tag.replace(/[.-]+$/, "")}`) ?? version;
}

function plain(...parts: (string | undefined)[]): string | null {
  return semver.valid(parts.map((part) => Number(part ?? 0)).join("."));
}

/** Versions in order, lowest first; what is no version comes before all others. */
export function compareVersions(a: string | null, b: string | null): number {
  const [left, right] = [semver.valid(a), semver.valid(b)];
  if (left === null || right === null) {
    return Number(left !== null) - Number(right !== null);
  }
  return semver.compare(left, right);
}

/** The highest of the versions that a constraint allows. */
export function highestMatch(
  constraint: Constraint,
  versions: readonly string[],
): string | undefined {
  return versions.filter((version) => constraint.matches(version))
    .toSorted(compareVersions).at(-1);
}
