import { z } from "@hono/zod-openapi";

/** Envelope of get, create, update and commands: `{data}`. */
export function single<T extends z.ZodType>(shape: T) {
  return z.object({ data: shape, message: z.string().optional() });
}

/** `{data: […]}`, without pagination. */
export function arrayInData<T extends z.ZodType>(shape: T) {
  return z.object({ data: z.array(shape) });
}

/** Envelope of paginated lists. */
export function list<T extends z.ZodType>(shape: T) {
  return z.object({ items: z.array(shape), pagination: Pagination });
}

export const Pagination = z.object({
  page: z.int(),
  page_size: z.int(),
  total_items: z.int().optional().openapi({
    description: "Absent when totals were not asked for",
  }),
  total_pages: z.int().optional(),
  has_previous: z.boolean(),
  has_next: z.boolean(),
}).openapi("Pagination");

export const Success = z.object({
  success: z.literal(true),
  message: z.string(),
}).openapi("Success");

/** Bare success of DELETE. */
export function success(message: string): z.infer<typeof Success> {
  return { success: true, message };
}

/** The object under `data` and its fields once more at the top (api.md 1.2). */
export function doubled<T extends object>(value: T): T & { data: T } {
  return { ...value, data: value };
}

/** Shape of {@linkcode doubled}. */
export function doubledShape<T extends z.ZodRawShape>(shape: z.ZodObject<T>) {
  return shape.extend({ data: shape });
}
