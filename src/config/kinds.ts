import { z } from "zod";

/** One key of the configuration: what it may be, and how it reads as text. */
export interface Setting<T> {
  readonly schema: z.ZodType<T>;
  /** Completes "must be ...". */
  readonly rule: string;
  readonly fallback: T;
  readonly meaning: string;
  /** The value that an environment variable's text stands for; undefined = not of this kind. */
  readonly fromText: (text: string) => unknown;
  /** Never shown; may come from the file that `<VARIABLE>_FILE` names. */
  readonly secret: boolean;
  /** A plain variable that means this key and wins over the `ATTUNE__` one. */
  readonly env?: string;
  /** What the reference says instead of `fallback`. */
  readonly shownDefault?: string;
}

/** What a key says about itself besides its kind. */
export interface About {
  meaning: string;
  env?: string;
  shownDefault?: string;
}

interface Kind<T> {
  schema: z.ZodType<T>;
  rule: string;
  fromText?: (text: string) => unknown;
}

/** A key that has a value even when nobody sets it. */
export function setting<T>(
  kind: Kind<T>,
  fallback: NoInfer<T>,
  about: About,
): Setting<T> {
  return {
    fromText: (text) => text,
    secret: false,
    ...kind,
    fallback,
    ...about,
  };
}

/** A key that may stay unset: null. */
export function optional<T>(kind: Kind<T>, about: About): Setting<T | null> {
  const schema = kind.schema.nullable();
  return setting<T | null>({ ...kind, schema }, null, about);
}

/** An optional text that is never shown. */
export function secret(
  kind: Kind<string>,
  about: About,
): Setting<string | null> {
  return { ...optional(kind, about), secret: true };
}

export const text: Kind<string> = {
  schema: z.string().min(1),
  rule: "a text that is not empty",
};

/** A text of at least `min` characters. */
export function longText(min: number): Kind<string> {
  return {
    schema: z.string().min(min),
    rule: `a text of at least ${min} characters`,
  };
}

/** A URL whose scheme is one of `schemes`. */
export function url(schemes: string[]): Kind<string> {
  return {
    schema: z.string().refine((value) => hasScheme(value, schemes)),
    rule: schemes.map((scheme) => `${scheme}://...`).join(" or "),
  };
}

/** URLs separated by commas, or one of the words in `words` instead. */
export function urls(schemes: string[], words: string[] = []): Kind<string> {
  const fits = (value: string) =>
    words.includes(value) ||
    value.split(",").every((part) => hasScheme(part.trim(), schemes));
  const forms = [...schemes.map((scheme) => `${scheme}://...`), ...words];
  return {
    schema: z.string().refine(fits),
    rule: `${forms.join(" or ")} (several: separated by commas)`,
  };
}

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number): Kind<number> {
  return {
    schema: z.int().min(min).max(max),
    rule: `an integer from ${min} to ${max}`,
    fromText: numberFromText,
  };
}

/** Seconds, fractions allowed. */
export function seconds(min: number, max: number): Kind<number> {
  return {
    schema: z.number().min(min).max(max),
    rule: `seconds from ${min} to ${max}`,
    fromText: numberFromText,
  };
}

/** Bytes: a number, or a text such as `10MiB`. */
export const bytes: Kind<number> = {
  schema: z.preprocess(
    (value) => typeof value === "string" ? bytesFromText(value) : value,
    z.int().min(1024).max(2 ** 40),
  ),
  rule: "a size from 1KiB to 1TiB (bytes, or a number with KiB, MiB or GiB)",
};

export const flag: Kind<boolean> = {
  schema: z.boolean(),
  rule: "true or false",
  fromText: (word) => ({ true: true, false: false, 1: true, 0: false })[word],
};

/** One of a few words. */
export function choice<const T extends string>(words: readonly T[]): Kind<T> {
  return { schema: z.enum(words), rule: `one of ${words.join(", ")}` };
}

/** A list of texts; as text: JSON, or separated by commas. */
export const list: Kind<readonly string[]> = {
  schema: z.array(z.string().min(1)).readonly(),
  rule: "a list of texts (as text: a,b or JSON)",
  fromText: (text) =>
    text.startsWith("[")
      ? jsonFromText(text)
      : text.split(",").map((part) => part.trim()).filter(Boolean),
};

/** A map of texts; as text: JSON, or `k=v,k=v`. */
export const map: Kind<Readonly<Record<string, string>>> = {
  schema: z.record(z.string(), z.string()).readonly(),
  rule: "a map of texts (as text: k=v,k=v or JSON)",
  fromText: (text) => text.startsWith("{") ? jsonFromText(text) : pairs(text),
};

/** A map whose values are whole numbers above 0 under the given names. */
export function limits<const K extends string>(
  names: readonly K[],
): Kind<Readonly<Partial<Record<K, number>>>> {
  const schema = z.partialRecord(z.enum(names), z.int().min(1)).readonly();
  return {
    schema: schema as unknown as z.ZodType<
      Readonly<Partial<Record<K, number>>>
    >,
    rule: `a map of integers above 0 with keys among ${names.join(", ")}`,
    fromText: (text) => {
      if (text.startsWith("{")) return jsonFromText(text);
      const entries = Object.entries(pairs(text) ?? { "": "" });
      return Object.fromEntries(entries.map(([k, v]) => [k, Number(v)]));
    },
  };
}

function hasScheme(value: string, schemes: string[]): boolean {
  const parsed = URL.parse(value);
  return parsed !== null && parsed.host !== "" &&
    schemes.includes(parsed.protocol.slice(0, -1));
}

function numberFromText(text: string): number | undefined {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

const UNITS: Record<string, number> = {
  "": 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

function bytesFromText(text: string): number | undefined {
  const match = /^(\d+)\s*([KMG]iB)?$/.exec(text);
  return match ? Number(match[1]) * UNITS[match[2] ?? ""]! : undefined;
}

function jsonFromText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pairs(text: string): Record<string, string> | undefined {
  const found: Record<string, string> = {};
  for (const part of text.split(",")) {
    if (part.trim() === "") continue;
    const equals = part.indexOf("=");
    if (equals < 1) return undefined;
    found[part.slice(0, equals).trim()] = part.slice(equals + 1).trim();
  }
  return found;
}
