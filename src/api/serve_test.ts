import assert from "node:assert/strict";
import { apiWorld } from "../../tests/support/api_world.ts";
import { serveApi } from "./serve.ts";

const HERE = { host: "127.0.0.1", port: 0 };

Deno.test("serveApi() serves until disposed of, twice without harm", async () => {
  await using t = await apiWorld();
  const server = await serveApi(t.deps, HERE);
  const answer = await fetch(`${server.url}/health`);
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { status: "ok" });
  await server[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await assert.rejects(() => fetch(`${server.url}/health`));
});

Deno.test("serveApi() says what to do when the port is taken", async () => {
  await using t = await apiWorld();
  await using first = await serveApi(t.deps, HERE);
  await assert.rejects(
    () => serveApi(t.deps, { host: "127.0.0.1", port: first.port }),
    new RegExp(
      `127\\.0\\.0\\.1:${first.port}.*another program.*ATTUNE__SERVER__PORT`,
    ),
  );
  await assert.rejects(
    () => serveApi(t.deps, { host: "203.0.113.7", port: 0 }),
    /ATTUNE__SERVER__HOST/,
  );
});

Deno.test("serveApi() ends event streams at once when it stops", async () => {
  await using t = await apiWorld();
  const server = await serveApi(t.deps, { ...HERE, graceMs: 60_000 });
  const answer = await fetch(`${server.url}/api/v1/executions/stream`, {
    headers: { authorization: `Bearer ${t.admin}` },
  });
  assert.equal(answer.status, 200);
  const text = answer.text();
  await server[Symbol.asyncDispose]();
  await text;
});

Deno.test("serveApi() does not wait longer than the grace for a client that is slow", async () => {
  await using t = await apiWorld();
  const lines: string[] = [];
  const log = { ...t.deps.log, warn: (line: string) => void lines.push(line) };
  const server = await serveApi({ ...t.deps, log }, { ...HERE, graceMs: 50 });
  const connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: server.port,
  });
  const body = "{".padEnd(100);
  await connection.write(new TextEncoder().encode(
    `POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n${body}`,
  ));
  // The request is under way once a later one was answered.
  await (await fetch(`${server.url}/health/live`)).body?.cancel();
  await server[Symbol.asyncDispose]();
  assert.deepEqual(lines, ["requests were still open when the server stopped"]);
  connection.close();
});
