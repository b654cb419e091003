import assert from "node:assert/strict";
import { apiWorld } from "../../../tests/support/api_world.ts";
import { closeDb } from "../../db/connect.ts";

Deno.test("GET /health is 200 only when executions can run", async () => {
  let missing: string | null = "no agent has registered";
  await using t = await apiWorld({ notReady: () => Promise.resolve(missing) });
  assert.deepEqual(await t.json(503, "GET", "/health", { token: null }), {
    status: "starting",
    error: "no agent has registered",
  });
  missing = null;
  assert.deepEqual(await t.json(200, "GET", "/health", { token: null }), {
    status: "ok",
  });
});

Deno.test("the health endpoints tell of a database that is away", async () => {
  await using t = await apiWorld();
  const status = async (path: string) => {
    const answer = await t.ask("GET", path, { token: null });
    const text = await answer.text();
    return [answer.status, text === "" ? null : JSON.parse(text)];
  };
  assert.deepEqual(await status("/health/ready"), [200, null]);
  assert.deepEqual(await status("/health/live"), [200, null]);
  assert.deepEqual(await status("/health/detailed"), [200, {
    status: "ok",
    version: "0.0.0-test",
    database: "connected",
  }]);
  await closeDb(t.sql);
  const error = "The database does not answer";
  assert.deepEqual(await status("/health"), [503, { status: "error", error }]);
  assert.deepEqual(await status("/health/ready"), [503, null]);
  assert.deepEqual(await status("/health/live"), [200, null]);
  assert.deepEqual(await status("/health/detailed"), [503, {
    status: "error",
    database: "disconnected",
    error,
  }]);
});
