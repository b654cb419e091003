import { z } from "@hono/zod-openapi";
import type { Pagination } from "./envelope.ts";

/** One page of a list; `limit` rows from `offset`. */
export interface Page {
  page: number;
  limit: number;
  offset: number;
}

export interface Sizes {
  /** Rows per page when the caller does not say. */
  fallback: number;
  /** Larger sizes are clamped to this. */
  max: number;
}

/** Keeps `offset` an exact integer that PostgreSQL takes. */
const LAST_PAGE = 1_000_000_000;

const whole = z.string().regex(/^[+-]?\d+$/, "must be a whole number")
  .transform(Number).openapi({ type: "integer" });

/** Query parameters `page` and `page_size` (50, at most 100). */
export const pageQuery = z.object({
  page: whole.optional(),
  page_size: whole.optional(),
});

/** Query parameters `page` and `per_page`. */
export const perPageQuery = z.object({
  page: whole.optional(),
  per_page: whole.optional(),
});

/** Clamps what was asked for; nothing but "not a number" is an error. */
export function toPage(
  query: { page?: number | undefined; page_size?: number | undefined } | {
    page?: number | undefined;
    per_page?: number | undefined;
  },
  { fallback, max }: Sizes = { fallback: 50, max: 100 },
): Page {
  const asked = "page_size" in query
    ? query.page_size
    : "per_page" in query
    ? query.per_page
    : undefined;
  const limit = Math.min(Math.max(asked ?? fallback, 1), max);
  const page = Math.min(Math.max(query.page ?? 1, 1), LAST_PAGE);
  return { page, limit, offset: (page - 1) * limit };
}

/** A list whose rows were counted. */
export function counted<T>(
  items: T[],
  total: number,
  { page, limit }: Page,
): { items: T[]; pagination: z.infer<typeof Pagination> } {
  const total_pages = Math.ceil(total / limit);
  return {
    items,
    pagination: {
      page,
      page_size: limit,
      total_items: total,
      total_pages,
      has_previous: page > 1,
      has_next: page < total_pages,
    },
  };
}

/** A list without totals: `rows` were read with a limit of one more than the page has. */
export function uncounted<T>(
  rows: T[],
  { page, limit }: Page,
): { items: T[]; pagination: z.infer<typeof Pagination> } {
  return {
    items: rows.slice(0, limit),
    pagination: {
      page,
      page_size: limit,
      has_previous: page > 1,
      has_next: rows.length > limit,
    },
  };
}
