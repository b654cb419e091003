import type { JsonObject } from "../domain/json.ts";

/** Where a key or list item stands, and its text when it is a plain scalar. */
export interface Mark {
  line: number;
  source?: string | undefined;
}

/** Key (or index as text) -> mark, for every object and array of a document. */
export type Marks = WeakMap<object, Map<string, Mark>>;

/** A parsed document that still knows its lines. */
export interface Located {
  root: JsonObject;
  marks: Marks;
}
