import { z } from "@hono/zod-openapi";
import type { Affinity, Toleration } from "../../domain/placement.ts";
import { optional, withDefault } from "./common.ts";

/** False for text that the database cannot keep in a JSON document. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

const text = z.string().refine(
  isStorable,
  "must not contain NUL or lone surrogates",
);

/** Where work may go (packs.md 2.6, api.md 4.7). */
export const Selector = z.record(text, text).openapi(
  "WorkerSelector",
);

export const Tolerations: z.ZodType<Toleration[]> = z.array(
  z.object({
    key: text.min(1),
    operator: withDefault(z.enum(["equal", "exists"]), "equal"),
    value: optional(text),
    effect: optional(z.enum(["no_schedule", "prefer_no_schedule"])),
  }).transform(({ value, effect, ...rest }): Toleration => ({
    ...rest,
    ...(value !== undefined && { value }),
    ...(effect !== undefined && { effect }),
  })),
).openapi("WorkerTolerations");

const Term = z.object({
  match_labels: withDefault(z.record(text, text), {}),
  match_expressions: withDefault(
    z.array(z.object({
      key: text.min(1),
      operator: z.enum(["in", "not_in", "exists", "does_not_exist"]),
      values: withDefault(z.array(text), []),
    })),
    [],
  ),
}).openapi("AffinityTerm");

export const AffinityRules: z.ZodType<Affinity> = z.object({
  required: withDefault(z.array(Term), []),
  preferred: withDefault(
    z.array(z.object({
      weight: withDefault(z.int().min(1).max(100), 1),
      preference: Term,
    })),
    [],
  ),
  anti_affinity: withDefault(z.array(Term), []),
}).openapi("WorkerAffinity");
