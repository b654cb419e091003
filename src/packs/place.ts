import { isObject } from "../domain/json.ts";
import type { Located, Mark } from "./located.ts";
import type { FileReport } from "./report.ts";

/** A value's position in a file: what readers report faults at. */
export class Place {
  #located: Located;
  #mark: Mark | undefined;
  #line: number;
  #value: unknown;

  private constructor(
    readonly report: FileReport,
    /** `retry.on[0]`; "" at the top. */
    readonly key: string,
    at: {
      located: Located;
      value: unknown;
      line: number;
      mark?: Mark | undefined;
    },
  ) {
    this.#located = at.located;
    this.#value = at.value;
    this.#line = at.line;
    this.#mark = at.mark;
  }

  /** The top level of a file. */
  static top(located: Located, report: FileReport): Place {
    return new Place(report, "", { located, value: located.root, line: 1 });
  }

  /** The place of a key or item of the value here. */
  at(key: string | number): Place {
    const inside = isObject(this.#value) || Array.isArray(this.#value);
    const mark = inside
      ? this.#located.marks.get(this.#value as object)?.get(String(key))
      : undefined;
    return new Place(this.report, this.#path(key), {
      located: this.#located,
      value: inside
        ? Object.getOwnPropertyDescriptor(this.#value, String(key))?.value
        : undefined,
      line: mark?.line ?? this.#line,
      mark,
    });
  }

  #path(key: string | number): string {
    if (typeof key === "number") return `${this.key}[${key}]`;
    const text = key.length <= 60 ? key : `${key.slice(0, 57)}...`;
    return this.key === "" ? text : `${this.key}.${text}`;
  }

  /** The scalar as it is written in the file: `3.10`, not 3.1. */
  get source(): string | undefined {
    return this.#mark?.source;
  }

  /** Reports an error here; `text` goes on after the key: `'timeout' must be ...`. */
  error(text: string): undefined {
    this.report.error(this.#line, this.key, `${this.#subject()}${text}`);
  }

  /** Reports a warning here, worded like an error. */
  warn(text: string): void {
    this.report.warn(this.#line, this.key, `${this.#subject()}${text}`);
  }

  /** Reports a warning in words of its own. */
  note(text: string): void {
    this.report.warn(this.#line, this.key, text);
  }

  #subject(): string {
    return this.key === "" ? "" : `'${this.key}' `;
  }
}
