import { identOf } from "../domain/ref.ts";
import { anything, freeMap, listOf } from "./collections.ts";
import { optional, type Reader, required } from "./fields.ts";
import { bool, text } from "./scalars.ts";

/** The keys that every kind has. */
export function namedFields(ref: Reader<string>) {
  return {
    ref: required(ref),
    label: optional(text, null, { aliases: ["name"] }),
    description: optional(text, null),
  };
}

/** The keys that actions, sensors, triggers and rules share. */
export function componentFields(ref: Reader<string>) {
  return {
    ...namedFields(ref),
    enabled: optional(bool, undefined),
    tags: optional(listOf(text), []),
    meta: optional(freeMap, {}),
  };
}

/** Stored and shown only. */
export const examplesField = optional(anything, null);

/** `deploy_web-app` is shown as `Deploy Web App`. */
export function titleOf(ref: string): string {
  return identOf(ref).split(/[_-]+/).filter((word) => word !== "")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(" ");
}
