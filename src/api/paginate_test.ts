import assert from "node:assert/strict";
import { apiWorld } from "../../tests/support/api_world.ts";
import { counted, toPage, uncounted } from "./paginate.ts";

Deno.test("toPage() clamps sizes and pages instead of refusing them", () => {
  const cases: [Parameters<typeof toPage>[0], number, number, number][] = [
    [{}, 1, 50, 0],
    [{ page: 3, page_size: 10 }, 3, 10, 20],
    [{ page: 0, page_size: 0 }, 1, 1, 0],
    [{ page: -7, page_size: -7 }, 1, 1, 0],
    [{ page_size: 101 }, 1, 100, 0],
    [{ page: 2, per_page: 1e30 }, 2, 100, 100],
    [{ page: 1e300 }, 1_000_000_000, 50, 49_999_999_950],
  ];
  for (const [query, page, limit, offset] of cases) {
    assert.deepEqual(toPage(query), { page, limit, offset });
  }
});

Deno.test("counted() and uncounted() say what comes before and after", () => {
  const page = (n: number) => toPage({ page: n, page_size: 2 });
  assert.deepEqual(counted([], 0, page(1)).pagination, {
    page: 1,
    page_size: 2,
    total_items: 0,
    total_pages: 0,
    has_previous: false,
    has_next: false,
  });
  assert.deepEqual(counted(["a", "b"], 5, page(2)).pagination, {
    page: 2,
    page_size: 2,
    total_items: 5,
    total_pages: 3,
    has_previous: true,
    has_next: true,
  });
  assert.equal(counted(["e"], 5, page(3)).pagination.has_next, false);
  assert.deepEqual(uncounted(["a", "b", "c"], page(1)), {
    items: ["a", "b"],
    pagination: { page: 1, page_size: 2, has_previous: false, has_next: true },
  });
  assert.equal(uncounted(["a", "b"], page(2)).pagination.has_next, false);
});

Deno.test("GET /packs pages by ref, past the end and with clamped sizes", async (test) => {
  await using t = await apiWorld();
  await t.sql`insert into pack (ref, label, version)
    select 'p' || lpad(n::text, 3, '0'), 'P', '1.0.0' from generate_series(1, 105) n`;
  const cases: [
    string,
    {
      items: number;
      first?: string;
      page: number;
      size: number;
      next: boolean;
    },
  ][] = [
    ["", { items: 50, first: "p001", page: 1, size: 50, next: true }],
    ["?page=3", { items: 5, first: "p101", page: 3, size: 50, next: false }],
    ["?page=4", { items: 0, page: 4, size: 50, next: false }],
    ["?page_size=1000", {
      items: 100,
      first: "p001",
      page: 1,
      size: 100,
      next: true,
    }],
    ["?page_size=0&page=-1", {
      items: 1,
      first: "p001",
      page: 1,
      size: 1,
      next: true,
    }],
    ["?page=999999999999999999999", {
      items: 0,
      page: 1_000_000_000,
      size: 50,
      next: false,
    }],
    ["?unknown=1&page=%2B2&page_size=100", {
      items: 5,
      first: "p101",
      page: 2,
      size: 100,
      next: false,
    }],
  ];
  for (const [query, expected] of cases) {
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await test.step(query, async () => {
      const answer = await t.json(200, "GET", `/api/v1/packs${query}`);
      assert.equal(answer.items.length, expected.items);
      assert.equal(answer.items[0]?.ref, expected.first);
      assert.deepEqual(answer.pagination, {
        page: expected.page,
        page_size: expected.size,
        total_items: 105,
        total_pages: Math.ceil(105 / expected.size),
        has_previous: expected.page > 1,
        has_next: expected.next,
      });
    });
  }
  for (const value of ["x", "", "1.5", "1e3", "NaN", " 1x"]) {
    // deno-lint-ignore no-await-in-loop
    const answer = await t.json(
      400,
      "GET",
      `/api/v1/packs?page=${encodeURIComponent(value)}`,
    );
    assert.equal(answer.code, "BAD_REQUEST");
  }
});
