import assert from "node:assert/strict";
import {
  apiWorld,
  type AskOptions,
  JWT_SECRET,
} from "../../tests/support/api_world.ts";
import {
  signAccessToken,
  signExecutionToken,
  signRefreshToken,
  signWorkerToken,
} from "./auth/tokens.ts";

const JSON_TYPE = { "content-type": "application/json" };
const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

Deno.test("makeApp() answers faults in their order, with status, code and envelope", async (test) => {
  await using t = await apiWorld();
  const viewer = await t.as([]);
  const worker = await signWorkerToken(JWT_SECRET, 1);
  const refresh = await signRefreshToken(JWT_SECRET, { id: 1, login: "x" }, 60);
  const text = (body: string) => new TextEncoder().encode(body);
  const cases: [string, string, string, AskOptions, number, string | null][] = [
    ["unknown path", "GET", "/nope", { token: null }, 404, "NOT_FOUND"],
    [
      "unknown path below /api/v1, no token",
      "GET",
      "/api/v1/nope",
      {
        token: null,
      },
      404,
      "NOT_FOUND",
    ],
    ["later resources", "GET", "/api/v1/workflows", {}, 404, "NOT_FOUND"],
    [
      "unauthenticated token endpoint",
      "POST",
      "/auth/internal/sensor-token",
      {
        token: null,
      },
      404,
      "NOT_FOUND",
    ],
    ["wrong method", "PATCH", "/api/v1/packs", {}, 405, "METHOD_NOT_ALLOWED"],
    [
      "wrong method without a token",
      "DELETE",
      "/api/v1/packs",
      {
        token: null,
      },
      405,
      "METHOD_NOT_ALLOWED",
    ],
    [
      "no token wins over a bad query",
      "GET",
      "/api/v1/packs?page=x",
      {
        token: null,
      },
      401,
      null,
    ],
    [
      "no token wins over a bad path",
      "GET",
      "/api/v1/workers/x",
      {
        token: null,
      },
      401,
      null,
    ],
    [
      "no token wins over a bad body",
      "POST",
      "/api/v1/packs",
      {
        token: null,
        body: {},
      },
      401,
      null,
    ],
    [
      "no token wins over a large body",
      "POST",
      "/api/v1/packs",
      {
        token: null,
        body: "x".repeat(3_000_000),
        headers: JSON_TYPE,
      },
      401,
      null,
    ],
    [
      "a token that is none",
      "GET",
      "/api/v1/packs",
      { token: "abc" },
      401,
      null,
    ],
    ["a refresh token", "GET", "/api/v1/packs", { token: refresh }, 401, null],
    [
      "a scheme that is not Bearer",
      "GET",
      "/api/v1/packs",
      {
        token: null,
        headers: { authorization: "Basic abc" },
      },
      401,
      null,
    ],
    [
      "a worker token",
      "GET",
      "/api/v1/packs",
      { token: worker },
      403,
      "FORBIDDEN",
    ],
    [
      "an access token for agents",
      "POST",
      "/api/v1/agent/heartbeat",
      {
        body: {},
      },
      403,
      null,
    ],
    [
      "creation without permission wins over a bad body",
      "POST",
      "/api/v1/packs",
      {
        token: viewer,
        body: { ref: 3 },
      },
      403,
      "FORBIDDEN",
    ],
    [
      "a missing target wins over a missing permission",
      "DELETE",
      "/api/v1/packs/none",
      {
        token: viewer,
      },
      404,
      "NOT_FOUND",
    ],
    [
      "a query value of the wrong type",
      "GET",
      "/api/v1/packs?page=x",
      {},
      400,
      "BAD_REQUEST",
    ],
    [
      "an unknown enum value in a query",
      "GET",
      "/api/v1/workers?status=ill",
      {},
      400,
      "BAD_REQUEST",
    ],
    [
      "a boolean that is none",
      "GET",
      "/api/v1/workers?cordoned=1",
      {},
      400,
      "BAD_REQUEST",
    ],
    ["an id that is none", "GET", "/api/v1/workers/x", {}, 400, "BAD_REQUEST"],
    [
      "an id beyond 64 bits",
      "GET",
      "/api/v1/workers/99999999999999999999",
      {},
      400,
      "BAD_REQUEST",
    ],
    [
      "a parameter sent twice",
      "GET",
      "/api/v1/packs?page=1&page=2",
      {},
      400,
      "BAD_REQUEST",
    ],
    [
      "malformed JSON",
      "POST",
      "/api/v1/packs",
      {
        body: text("{"),
        headers: JSON_TYPE,
      },
      400,
      "BAD_REQUEST",
    ],
    [
      "a required body that is empty",
      "POST",
      "/api/v1/packs",
      {
        body: text(""),
        headers: JSON_TYPE,
      },
      400,
      "BAD_REQUEST",
    ],
    [
      "a body of another type",
      "POST",
      "/api/v1/packs",
      {
        body: text("{}"),
        headers: { "content-type": "text/plain" },
      },
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    ],
    [
      "no body at all",
      "POST",
      "/api/v1/packs",
      {},
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    ],
    [
      "a field of the wrong type",
      "POST",
      "/api/v1/packs",
      {
        body: { ref: 3 },
      },
      422,
      "VALIDATION_ERROR",
    ],
    [
      "a body that is an array",
      "POST",
      "/api/v1/packs",
      {
        body: [],
      },
      422,
      "VALIDATION_ERROR",
    ],
    [
      "the grammar of a ref",
      "POST",
      "/api/v1/packs",
      {
        body: { ref: "Bad Ref", label: "x", version: "1.0.0" },
      },
      422,
      "UNPROCESSABLE_ENTITY",
    ],
    [
      "NUL in a text",
      "POST",
      "/api/v1/packs",
      {
        body: { ref: "nul", label: "a\u0000b", version: "1.0.0" },
      },
      422,
      "VALIDATION_ERROR",
    ],
    [
      "NUL in a query",
      "GET",
      "/api/v1/actions/search?q=%00",
      {},
      400,
      "BAD_REQUEST",
    ],
    ["NUL in a path", "GET", "/api/v1/packs/%00", {}, 400, "BAD_REQUEST"],
    [
      "a declared body over 2 MiB",
      "POST",
      "/api/v1/packs",
      {
        body: text(JSON.stringify({ ref: "x".repeat(2_100_000) })),
        headers: { ...JSON_TYPE, "content-length": "2100010" },
      },
      413,
      "PAYLOAD_TOO_LARGE",
    ],
    [
      "an undeclared body over 2 MiB",
      "POST",
      "/api/v1/packs",
      {
        body: text(JSON.stringify({ ref: "x".repeat(2_100_000) })),
        headers: JSON_TYPE,
      },
      413,
      "PAYLOAD_TOO_LARGE",
    ],
  ];
  for (const [what, method, path, options, status, code] of cases) {
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await test.step(what, async () => {
      const answer = await t.json(status, method, path, options);
      if (path.startsWith("/api/v1/agent/")) {
        assert.deepEqual(Object.keys(answer), ["error", "message"]);
      } else if (code === null) {
        assert.deepEqual(Object.keys(answer), ["error"]);
        assert.equal(answer.error.code, 401);
        assert.ok(answer.error.message.length > 10);
      } else {
        assert.equal(answer.code, code);
        assert.ok(answer.error.length > 10, answer.error);
      }
    });
  }
});

Deno.test("makeApp() accepts a body of up to 2 MiB, of unknown length too", async () => {
  await using t = await apiWorld();
  const description = "x".repeat(2 * 1024 * 1024 - 100);
  const body = new TextEncoder().encode(
    JSON.stringify({ ref: "large", label: "L", version: "1.0.0", description }),
  );
  const answer = await t.app.request("/api/v1/packs", {
    method: "POST",
    headers: { ...JSON_TYPE, authorization: `Bearer ${t.admin}` },
    body: ReadableStream.from([body.subarray(0, 70), body.subarray(70)]),
  });
  const { data } = await answer.json();
  assert.equal(answer.status, 201);
  assert.equal(data.description.length, description.length);
});

Deno.test("makeApp() names each answer, keeping a name that was given", async () => {
  await using t = await apiWorld();
  const fresh = await t.ask("GET", "/nope");
  assert.match(fresh.headers.get("x-request-id")!, UUID);
  const kept = await t.ask("GET", "/health/live", {
    headers: { "x-request-id": "abc-1" },
  });
  assert.equal(kept.headers.get("x-request-id"), "abc-1");
  const forged = await t.ask("GET", "/health/live", {
    headers: { "x-request-id": 'a" b' },
  });
  assert.match(forged.headers.get("x-request-id")!, UUID);
});

Deno.test("makeApp() lets configured origins in, with credentials, and no others", async () => {
  await using t = await apiWorld({ corsOrigins: ["http://localhost:3000"] });
  const preflight = (origin: string) =>
    t.ask("OPTIONS", "/api/v1/packs", {
      token: null,
      headers: { origin, "access-control-request-method": "GET" },
    });
  const good = await preflight("http://localhost:3000");
  assert.equal(good.status, 204);
  assert.equal(
    good.headers.get("access-control-allow-origin"),
    "http://localhost:3000",
  );
  assert.equal(good.headers.get("access-control-allow-credentials"), "true");
  const bad = await preflight("http://evil.example");
  assert.equal(bad.headers.get("access-control-allow-origin"), null);
  const failed = await t.ask("GET", "/api/v1/packs", {
    token: null,
    headers: { origin: "http://localhost:3000" },
  });
  assert.equal(
    failed.headers.get("access-control-allow-origin"),
    "http://localhost:3000",
    "a page must be able to read why it failed",
  );
  await failed.body?.cancel();
});

Deno.test("makeApp() tells nothing about the database when that fails", async () => {
  await using t = await apiWorld();
  await t.sql`alter table action rename to action_gone`;
  const answer = await t.json(500, "GET", "/api/v1/actions");
  assert.equal(answer.code, "DATABASE_ERROR");
  assert.doesNotMatch(JSON.stringify(answer), /action_gone|relation|select/);
});

Deno.test("makeApp() takes the token of the cookie, and the header's when both are sent", async () => {
  await using t = await apiWorld();
  const cookie = `attune_access_token=${t.admin}`;
  const by = (headers: Record<string, string>) =>
    t.ask("GET", "/api/v1/packs", { token: null, headers });
  assert.equal((await by({ cookie })).status, 200);
  const both = await by({ cookie, authorization: "Bearer wrong" });
  assert.equal(both.status, 401);
});

Deno.test("makeApp() refuses the frozen, the deleted and the sets that are gone", async () => {
  await using t = await apiWorld();
  const [identity] = await t.sql<{ id: number }[]>`
    insert into identity (login, frozen) values ('cold', true) returning id`;
  const id = identity!.id;
  const token = await signAccessToken(JWT_SECRET, { id, login: "cold" }, 60);
  assert.equal(
    (await t.json(403, "GET", "/api/v1/packs", { token })).code,
    "FORBIDDEN",
  );
  await t.sql`delete from identity where id = ${id}`;
  await t.json(401, "GET", "/api/v1/packs", { token });
  const execution = await signExecutionToken(JWT_SECRET, {
    executionId: 1,
    actionRef: "demo.a",
    packRef: "demo",
    permissionSetRefs: ["demo.gone", "standard"],
    identityId: 1,
    ttlS: 60,
  });
  const refused = await t.json(403, "GET", "/api/v1/packs", {
    token: execution,
  });
  assert.match(refused.error, /demo\.gone/);
});
