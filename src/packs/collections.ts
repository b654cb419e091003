import { isObject, type Json, type JsonObject } from "../domain/json.ts";
import { mustBe, type Reader } from "./fields.ts";

/** A list; faulty items are reported and left out. */
export function listOf<T>(item: Reader<T>): Reader<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) return at.error(mustBe("a list", value));
    return value.flatMap((inner, index) => {
      const read = item(inner, at.at(index));
      return read === undefined ? [] : [read];
    });
  };
}

/** A list, or one item that stands for a list of it. */
export function listOrOne<T>(item: Reader<T>): Reader<T[]> {
  const many = listOf(item);
  return (value, at) => {
    if (Array.isArray(value)) return many(value, at);
    const read = item(value, at);
    return read === undefined ? undefined : [read];
  };
}

/** A mapping with names of the author's choice. */
export function mapOf<T>(
  item: Reader<T>,
  name: Reader<string> = (key) => key as string,
): Reader<Record<string, T>> {
  return (value, at) => {
    if (!isObject(value)) return at.error(mustBe("a mapping", value));
    const read = Object.entries(value).flatMap(([key, inner]) => {
      const as = name(key, at.at(key));
      const to = item(inner, at.at(key));
      return as === undefined || to === undefined ? [] : [[as, to] as const];
    });
    return Object.fromEntries(read);
  };
}

/** A mapping whose content is the author's business. */
export const freeMap: Reader<JsonObject> = (value, at) =>
  isObject(value) ? value as JsonObject : at.error(mustBe("a mapping", value));

/** Any value. */
export const anything: Reader<Json> = (value) => value as Json;
