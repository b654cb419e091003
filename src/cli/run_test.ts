import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import {
  type Answer,
  events,
  execution,
  fakeApi,
} from "../../tests/support/fake_api.ts";
import { runCli, spawnCli } from "../../tests/support/run_cli.ts";

const SCHEMA = {
  name: { type: "string", required: true },
  count: { type: "integer", default: 1 },
};
const action: Answer = () =>
  Response.json({ data: { ref: "demo.hello", param_schema: SCHEMA } });
const execute: Answer = () =>
  Response.json({ data: execution({ status: "requested", result: {} }) }, {
    status: 201,
  });
const quiet: Answer = () => events([{ event: "done", data: "" }]);

/** What `attune run` asks for, unless a test says otherwise. */
const ROUTES: Record<string, Answer> = {
  "GET /api/v1/actions/:ref": action,
  "POST /api/v1/executions/execute": execute,
  "GET /api/v1/executions/:id/logs/:stream/stream": quiet,
  "GET /api/v1/executions/:id": () => Response.json({ data: execution() }),
  "GET /api/v1/executions": () => Response.json({ items: [] }),
};
const envOf = ({ url }: { url: string }) => ({
  ATTUNE_API_URL: url,
  ATTUNE_API_TOKEN: "t",
});

Deno.test("attune run sends typed parameters and passes both streams on", async () => {
  await using api = fakeApi({
    ...ROUTES,
    "GET /api/v1/executions/:id/logs/:stream/stream": (_, { pathname }) =>
      events(
        pathname.groups.stream === "stdout"
          ? [
            { event: "waiting", data: "no output yet" },
            { event: "content", id: 6, data: "a\nb\n\n" },
            { event: "append", id: 7, data: "ü" },
            { event: "done", data: "" },
          ]
          : [
            { event: "content", id: 4, data: "oh\n" },
            { event: "done", data: "" },
          ],
      ),
  });
  const args = ["demo.hello", "name=42", "count=3", "--timeout", "9"];
  const { code, stdout, stderr } = await runCli(
    ["run", ...args, "--env", "LANG=C"],
    { env: envOf(api) },
  );
  assert.deepEqual({ code, stdout, stderr }, {
    code: 0,
    stdout: "a\nb\n\nü",
    stderr: "oh\n",
  });
  assert.deepEqual(api.bodies.get("POST /api/v1/executions/execute"), {
    action_ref: "demo.hello",
    parameters: { name: "42", count: 3 },
    env_vars: { LANG: "C" },
    timeout_seconds: 9,
  });
});

Deno.test("attune run goes on where a lost connection stopped", async () => {
  const cut: Answer = () =>
    events([{ event: "content", id: 3, data: "one" }, {
      event: "waiting",
      data: "",
    }]);
  const rest: Answer = () =>
    events([{ event: "content", id: 6, data: "two" }, {
      event: "done",
      data: "",
    }]);
  await using api = fakeApi({
    ...ROUTES,
    "GET /api/v1/executions/:id/logs/stdout/stream": (request, match) =>
      (new URL(request.url).searchParams.get("offset") === "3" ? rest : cut)(
        request,
        match,
      ),
    "GET /api/v1/executions/:id/logs/stderr/stream": quiet,
  });
  const { code, stdout } = await runCli(["run", "demo.hello", "name=a"], {
    env: envOf(api),
  });
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "onetwo" });
});

Deno.test("attune run exits with 1 and one line when the action failed", async () => {
  await using api = fakeApi({
    ...ROUTES,
    "GET /api/v1/executions/:id": () =>
      Response.json({
        data: execution({
          status: "failed",
          reason: "timed_out",
          result: {
            succeeded: false,
            error: "Execution timed out after 9 seconds",
          },
        }),
      }),
  });
  assert.deepEqual(
    await runCli(["run", "demo.hello", "name=a"], { env: envOf(api) }),
    {
      code: 1,
      stdout: "",
      stderr:
        "execution 7 failed (timed_out): Execution timed out after 9 seconds\n",
    },
  );
});

Deno.test("attune run follows a retry to its end", async () => {
  await using api = fakeApi({
    ...ROUTES,
    "GET /api/v1/executions/7": () =>
      Response.json({ data: execution({ status: "failed", reason: "error" }) }),
    "GET /api/v1/executions/8": () =>
      Response.json({
        data: execution({ id: 8, attempt: 2, original_execution: 7 }),
      }),
    "GET /api/v1/executions": () =>
      Response.json({
        items: [execution({ id: 8, attempt: 2, original_execution: 7 })],
      }),
    "GET /api/v1/executions/:id/logs/:stream/stream": (_, { pathname }) =>
      events([
        ...(pathname.groups.stream === "stdout"
          ? [{ event: "content", id: 1, data: pathname.groups.id! }]
          : []),
        { event: "done", data: "" },
      ]),
  });
  const { code, stdout } = await runCli(["run", "demo.hello", "name=a"], {
    env: envOf(api),
  });
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "78" });
});

Deno.test("attune run --json prints the execution and nothing else", async () => {
  await using api = fakeApi({
    ...ROUTES,
    "GET /api/v1/executions/:id/logs/stdout/stream": () =>
      events([{ event: "content", id: 1, data: "noise" }, {
        event: "done",
        data: "",
      }]),
  });
  const { code, stdout } = await runCli(
    ["run", "demo.hello", "--json", "--params", "-"],
    { env: envOf(api), stdin: '{"name":"a"}' },
  );
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), execution());
});

Deno.test("attune run --detach prints the id at once", async () => {
  await using api = fakeApi(ROUTES);
  const { code, stdout } = await runCli(
    ["run", "demo.hello", "name=a", "--detach"],
    { env: envOf(api) },
  );
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "7\n" });
});

Deno.test("attune run warns of a parameter the action does not have", async () => {
  await using api = fakeApi(ROUTES);
  const { code, stderr } = await runCli(["run", "demo.hello", "nmae=a"], {
    env: envOf(api),
  });
  assert.equal(code, 0);
  assert.equal(
    stderr,
    'warning: the action has no parameter "nmae"; did you mean "name"?\n',
  );
});

Deno.test("attune run says which action was meant", async () => {
  await using api = fakeApi({
    ...ROUTES,
    "GET /api/v1/actions/:ref": () =>
      Response.json({
        error: "Action 'demo.helo' not found",
        code: "NOT_FOUND",
      }, {
        status: 404,
      }),
    "GET /api/v1/actions": () =>
      Response.json({ items: [{ ref: "core.echo" }, { ref: "demo.hello" }] }),
  });
  assert.deepEqual(await runCli(["run", "demo.helo"], { env: envOf(api) }), {
    code: 4,
    stdout: "",
    stderr: `error: Action 'demo.helo' not found; did you mean "demo.hello"?\n`,
  });
});

Deno.test("attune run cancels at the first Ctrl-C and leaves at the second", async () => {
  const cancelled = Promise.withResolvers<void>();
  const watched = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  await using api = fakeApi({
    ...ROUTES,
    "GET /api/v1/executions/:id/logs/:stream/stream": () => {
      watched.resolve();
      return events([{ event: "waiting", data: "" }], { hold: end.promise });
    },
    "POST /api/v1/executions/:id/cancel": () => {
      cancelled.resolve();
      return Response.json({ data: execution({ status: "canceling" }) });
    },
  });
  const child = spawnCli(["run", "demo.hello", "name=a"], { env: envOf(api) });
  await child.stdin.close();
  await watched.promise;
  child.kill("SIGINT");
  await cancelled.promise;
  await delay(400); // two signals closer together are one Ctrl-C under deno task
  child.kill("SIGINT");
  const { code } = await child.output();
  end.resolve();
  assert.equal(code, 130);
});

Deno.test("attune run tells how to start when nothing answers", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const { code, stderr } = await runCli(["run", "core.echo"], {
    env: { ATTUNE_API_URL: `http://127.0.0.1:${port}`, ATTUNE_API_TOKEN: "t" },
  });
  assert.equal(code, 3);
  assert.match(stderr, /connection refused/);
  assert.match(stderr, /deno task start/);
});
