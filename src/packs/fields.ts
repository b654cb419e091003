import { isDeepStrictEqual } from "node:util";
import { didYouMean } from "../domain/did_you_mean.ts";
import { isObject } from "../domain/json.ts";
import type { Place } from "./place.ts";
import { shown } from "./report.ts";

/** Checks a value that is neither absent nor null; undefined after it reported a fault. */
export type Reader<T> = (value: unknown, at: Place) => T | undefined;

/** One key of a mapping. */
export interface Field<T> {
  read: Reader<T>;
  /** Other accepted spellings. */
  aliases: readonly string[];
  /** True when an alias beside the key is no contradiction. */
  quiet: boolean;
  required: boolean;
  /** What an absent key means. */
  otherwise: T;
}

/** The keys a mapping may have. */
export type Fields = Record<string, Field<unknown>>;

export type ValuesOf<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};

export interface FieldOptions {
  aliases?: readonly string[];
  quiet?: boolean;
}

/** A key that may be absent. */
export function optional<T, D>(
  read: Reader<T>,
  otherwise: D,
  options: FieldOptions = {},
): Field<T | D> {
  const { aliases = [], quiet = false } = options;
  return { read, aliases, quiet, required: false, otherwise };
}

/** A key without which the mapping has no meaning. */
export function required<T>(
  read: Reader<T>,
  options: FieldOptions = {},
): Field<T> {
  const { aliases = [], quiet = false } = options;
  // Never seen: a mapping that lacks it is not returned.
  const otherwise = undefined as T;
  return { read, aliases, quiet, required: true, otherwise };
}

/**
 * A mapping with exactly these keys. Unknown keys are warnings; a faulty key
 * takes its default, so that everything else is still checked.
 */
export function record<F extends Fields>(fields: F): Reader<ValuesOf<F>> {
  return (value, at) => {
    if (!isObject(value)) return at.error(mustBe("a mapping", value));
    reportUnknown(value, fields, at);
    const read: Record<string, unknown> = {};
    let whole = true;
    for (const [key, field] of Object.entries(fields)) {
      const spelled = spelling(value, key, field, at);
      const result = spelled === undefined
        ? undefined
        : field.read(value[spelled], at.at(spelled));
      if (result !== undefined) {
        read[key] = result;
        continue;
      }
      read[key] = field.otherwise;
      if (!field.required) continue;
      whole = false;
      if (spelled === undefined) at.at(key).error("is required");
    }
    return whole ? read as ValuesOf<F> : undefined;
  };
}

/** The spelling under which the key is given; null counts as absent. */
function spelling(
  value: Record<string, unknown>,
  key: string,
  field: Field<unknown>,
  at: Place,
): string | undefined {
  const given = [key, ...field.aliases].filter((name) =>
    Object.hasOwn(value, name) && value[name] !== null
  );
  const [first, ...others] = given;
  if (first === undefined || field.quiet) return first;
  for (const other of others) {
    if (isDeepStrictEqual(value[first], value[other])) continue;
    at.at(other).note(
      `'${at.at(other).key}' and '${
        at.at(first).key
      }' are the same key with different values; '${at.at(first).key}' counts`,
    );
  }
  return first;
}

function reportUnknown(
  value: Record<string, unknown>,
  fields: Fields,
  at: Place,
): void {
  const known = Object.entries(fields).flatMap(
    ([key, field]) => [key, ...field.aliases],
  );
  const all = new Set(known);
  for (const key of Object.keys(value)) {
    if (all.has(key) || key.startsWith("x-")) continue;
    if (at.report.full) return;
    const near = key.length <= 64 ? didYouMean(key, known) : undefined;
    const place = at.at(key);
    place.note(
      `unknown key '${place.key}'` +
        (near === undefined ? "" : ` (did you mean '${at.at(near).key}'?)`),
    );
  }
}

/** The keys that were written. */
export function given<T extends object>(
  read: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(read).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** `must be a mapping, not "x"`. */
export function mustBe(what: string, value: unknown): string {
  return `must be ${what}, not ${shown(value)}`;
}
