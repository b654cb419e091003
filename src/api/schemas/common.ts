import { z } from "@hono/zod-openapi";
import type { Isolation } from "../../domain/isolation.ts";
import { isObject, type Json } from "../../domain/json.ts";

/** `null` means "not given" (api.md 1.5). */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** A field that has a value when it is absent or null. */
export function withDefault<T extends z.ZodType>(
  schema: T,
  value: z.output<T>,
) {
  return schema.nullish().transform((given) => given ?? value);
}

/** What a patch field asks for. */
export type Patch<T> = { op: "set"; value: T } | { op: "clear" };

/** A *patch* field (api.md 1.5): `{op: "set", value}`, `{op: "clear"}` or the plain value. */
export function patch<T extends z.ZodType>(schema: T) {
  return z.unknown().optional().transform(
    (input, context): Patch<z.output<T>> | undefined => {
      if (input === undefined || input === null) return undefined;
      if (isObject(input) && input.op === "clear") return { op: "clear" };
      const wrapped = isObject(input) && input.op === "set";
      const parsed = schema.safeParse(wrapped ? input.value : input);
      if (parsed.success) return { op: "set", value: parsed.data };
      for (const { message, path } of parsed.error.issues) {
        context.addIssue({ code: "custom", message, path });
      }
      return z.NEVER;
    },
  ).openapi({
    description:
      'The new value, or {"op": "set", "value": …}, or {"op": "clear"}',
  });
}

/** What a patched column becomes: undefined keeps it. */
export function patched<T>(
  change: Patch<T> | undefined,
): T | null | undefined {
  if (change === undefined) return undefined;
  return change.op === "set" ? change.value : null;
}

const ID_TEXT = /^\d{1,15}$/;

/** `{id}` in a path. */
export const idParam = z.object({
  id: z.string().regex(ID_TEXT, "must be a number").transform(Number).openapi({
    param: { name: "id", in: "path" },
    type: "integer",
  }),
});

/** `{ref}` in a path. */
export const refParam = z.object({
  ref: z.string().openapi({ param: { name: "ref", in: "path" } }),
});

/** An id in a query. */
export const idQuery = z.string().regex(ID_TEXT, "must be a number")
  .transform(Number).openapi({ type: "integer" });

/** A boolean in a query: `true` or `false`, nothing else. */
export const flagQuery = z.enum(["true", "false"])
  .transform((text) => text === "true").openapi({ type: "boolean" });

export const Id = z.int().openapi({ format: "int64" });
export const Timestamp = z.string().openapi({
  format: "date-time",
  example: "2026-03-01T10:00:00.000000+00:00",
});
/** Any JSON object. Its values come from `JSON.parse`, so nothing is left to check. */
export const Fields = z.record(z.string(), z.custom<Json>()).openapi({
  type: "object",
  additionalProperties: true,
});
/** What a sandbox enforces, or can (api.md 5). */
export const IsolationShape: z.ZodType<Isolation> = z.object({
  level: z.enum(["none", "partial", "full"]),
  policy: z.enum(["off", "best_effort", "required"]).nullable(),
  layers: z.record(z.string(), z.unknown()),
  degraded: z.array(z.string()),
}).openapi("Isolation");
export const TextMap = z.record(z.string(), z.string());
export const Refs = z.array(z.string());
export const times = { created: Timestamp, updated: Timestamp };

export const ref = z.string().min(1).max(255);
export const label = z.string().min(1).max(255);
export const description = z.string();
