import assert from "node:assert/strict";
import type { Stack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { processesOf } from "../support/processes.ts";
import { watchChanges } from "../support/watch_changes.ts";

const PACKS = new URL("../fixtures/packs/", import.meta.url).pathname;

/**
 * What a user does with a running platform. The same suite runs on every kind
 * of stack; `stack` is opened before the first test and closed after the last.
 */
export function testFlow(
  name: string,
  open: () => Promise<Stack>,
  { ignore }: { ignore: boolean },
): void {
  let stack: Stack;
  let opened: Promise<void> | undefined;
  Deno.test.beforeAll(async () => {
    if (ignore) return;
    opened = (async () => {
      stack = await open();
      await Promise.all(
        ["demo", "faults"].map((pack) =>
          stack.client.call("POST", "/api/v1/packs/register", {
            path: PACKS + pack,
          })
        ),
      );
    })();
    await opened;
  });
  Deno.test.afterAll(async () => {
    if (ignore) return;
    await stack?.[Symbol.asyncDispose]();
  });
  const test = (title: string, run: () => Promise<void>) =>
    Deno.test({ name: `${name}: ${title}`, ignore, fn: run });

  for (const runtime of ["shell", "python", "node", "native", "deno", "perl"]) {
    test(`runs a ${runtime} action and reads its JSON`, async () => {
      const done = await stack.client.run(`demo.${runtime}`, { name: "Ada" });
      assert.equal(done.status, "completed", JSON.stringify(done.result));
      assert.equal(
        (done.result.data as { greeting: string }).greeting,
        "Hello, Ada",
      );
      assert.equal(done.result.exit_code, 0);
      assert.equal(done.reason, null);
      assert.notEqual(done.isolation, null);
    });
  }

  test("core.echo keeps its message exactly", async () => {
    const message = `it's "quoted"\n\\ and $HOME\n\ttabs, ünïcödé`;
    const done = await stack.client.run("core.echo", { message });
    assert.equal(done.result.stdout, message);
  });

  test("core.noop exits with the code it was given", async () => {
    const done = await stack.client.run("core.noop", { exit_code: 3 });
    assert.equal(done.status, "failed");
    assert.equal(done.reason, "error");
    assert.equal(done.result.exit_code, 3);
  });

  test("core.http_request reads the health page", async () => {
    const done = await stack.client.run("core.http_request", {
      url: `${stack.url}/health/live`,
    });
    assert.equal(done.status, "completed", JSON.stringify(done.result));
    assert.equal(
      (done.result.data as { status_code: number }).status_code,
      200,
    );
  });

  test("a live watcher sees every state in order", async () => {
    await using watcher = await watchChanges(stack.client);
    const id = await stack.client.execute("core.echo", { message: "x" });
    const seen = await watcher.of(id);
    assert.deepEqual(seen.map((c) => c.status), [
      "requested",
      "scheduled",
      "running",
      "completed",
    ]);
    assert.deepEqual(seen.map((c) => c.old_status), [
      undefined,
      "requested",
      "scheduled",
      "running",
    ]);
  });

  test("output can be followed while the action runs", async () => {
    const id = await stack.client.execute("faults.ticks");
    const answer = await stack.client.raw(
      "GET",
      `/api/v1/executions/${id}/logs/stdout/stream`,
    );
    const reader = answer.body!.pipeThrough(new TextDecoderStream())
      .getReader();
    let text = "";
    while (!text.includes("tick 2")) {
      // deno-lint-ignore no-await-in-loop -- a stream is read in order
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
    }
    const midway = await stack.client.get(id);
    await reader.cancel();
    assert.equal(midway.status, "running");
    const done = await stack.client.finished(id);
    assert.equal(done.status, "completed");
    assert.equal(
      await stack.client.log(id, "stdout"),
      "tick 1\ntick 2\ntick 3\ntick 4\ntick 5\n",
    );
    assert.equal(await stack.client.log(id, "stderr"), "done\n");
  });

  test("the log can be downloaded byte for byte", async () => {
    const done = await stack.client.run("faults.invalid_utf8");
    const { data } = await stack.client.call<
      { data: { id: number; ref: string }[] }
    >("GET", `/api/v1/executions/${done.id}/artifacts`);
    const log = data.find((a) => a.ref === "faults.invalid_utf8.stdout.log")!;
    const answer = await stack.client.raw(
      "GET",
      `/api/v1/artifacts/${log.id}/download`,
    );
    assert.deepEqual(
      [...new Uint8Array(await answer.arrayBuffer())],
      [
        ...new TextEncoder().encode("ok "),
        255,
        254,
        ...new TextEncoder()
          .encode(" end\n"),
      ],
    );
  });

  test("a secret reaches the process but neither its environment nor the API", async () => {
    const done = await stack.client.run("faults.secretive", {
      token: "s3cr3t-value",
      site: null,
    });
    assert.deepEqual(done.result.data, {
      length: 12,
      site: "eu",
      in_env: false,
    });
    assert.deepEqual(done.config.token, {
      $attune_secret: true,
      redacted: true,
    });
    assert.ok(!JSON.stringify(done).includes("s3cr3t-value"));
  });

  test("a process sees only its allow-listed environment and leads its group", async () => {
    const done = await stack.client.run("faults.environment", {}, {
      env_vars: { EXTRA: "yes", ATTUNE_FAKE: "no" },
    });
    const data = done.result.data as {
      names: string[];
      cwd: string;
      pgid_is_pid: boolean;
      sid_is_pid: boolean;
    };
    assert.ok(data.names.includes("EXTRA"));
    for (
      const name of [
        "ATTUNE_FAKE",
        "ATTUNE_AGENT_TOKEN",
        "ATTUNE__SECURITY__JWT_SECRET",
        "ATTUNE_HOME",
        "DENO_DIR",
      ]
    ) {
      assert.ok(!data.names.includes(name), name);
    }
    assert.ok(data.pgid_is_pid && data.sid_is_pid);
  });

  test("invalid UTF-8 is shown with replacement characters", async () => {
    const done = await stack.client.run("faults.invalid_utf8");
    assert.equal(done.status, "completed");
    assert.equal(done.result.stdout, "ok \ufffd\ufffd end\n");
  });

  test("1 GB of output is read, cut and counted", async () => {
    const done = await stack.client.finished(
      await stack.client.execute("faults.gigabyte"),
      120_000,
    );
    assert.equal(done.status, "completed", JSON.stringify(done.result.error));
    assert.equal(done.result.stdout_truncated, true);
    assert.ok(done.result.stdout_bytes_truncated! > 1_063_000_000);
    assert.equal(done.result.stdout_inline_truncated, true);
    assert.equal(done.result.stdout!.length, 65_536);
  });

  test("memory stays bounded while 4 GB of output go by", async () => {
    const ids = await Promise.all(
      Array.from({ length: 4 }, () => stack.client.execute("faults.gigabyte")),
    );
    const all = await Promise.all(
      ids.map((id) => stack.client.finished(id, 120_000, 200)),
    );
    assert.deepEqual(all.map((e) => e.status), Array(4).fill("completed"));
    const { pid } = stack.programs.agent ?? stack.programs.start!;
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    const peakMb = Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024;
    // 5 GB went by, 50 MB of it were kept.
    assert.ok(peakMb < 700, `${peakMb} MB at its peak`);
  });

  test("a 50 MB line is cut inside the line", async () => {
    const done = await stack.client.finished(
      await stack.client.execute("faults.long_line"),
      120_000,
    );
    assert.equal(done.status, "completed");
    assert.equal(done.result.stdout_truncated, true);
  });

  test("a process deaf to SIGTERM is killed after its timeout", async () => {
    const done = await stack.client.run("faults.stubborn");
    assert.equal(done.status, "failed");
    assert.equal(done.reason, "timed_out");
    assert.equal(done.result.timed_out, true);
    assert.equal(done.result.exit_code, -1);
    assert.match(done.result.error!, /timed out after 1 seconds/);
    assert.equal(done.result.stdout, "started\n");
  });

  test("a daemon that left its group and session does not survive", async () => {
    const done = await stack.client.run("faults.daemon");
    assert.equal(done.status, "completed");
    await until(
      "the daemon to be gone",
      async () => (await processesOf(stack.url, done.id)).length === 0,
    );
  });

  test("a child that holds the streams neither delays nor survives the end", async () => {
    const done = await stack.client.run("faults.holds_streams");
    assert.equal(done.status, "completed");
    assert.equal(done.result.stdout, "parent done\n");
    await until(
      "the child to be gone",
      async () => (await processesOf(stack.url, done.id)).length === 0,
    );
  });

  test("a process may close its stdin", async () => {
    const done = await stack.client.run("faults.closes_stdin", {
      filler: "z".repeat(300_000),
    });
    assert.equal(done.status, "completed", JSON.stringify(done.result));
    assert.equal(done.result.stdout, "did not read\n");
  });

  test("a process that is quiet for a minute is left alone", async () => {
    const done = await stack.client.finished(
      await stack.client.execute("faults.quiet"),
      90_000,
    );
    assert.equal(done.status, "completed");
    assert.equal(done.result.stdout, "awake\n");
  });

  const ends: [
    action: string,
    status: string,
    reason: string | null,
    error: RegExp,
  ][] = [
    ["missing_file", "failed", "entry_point_missing", /not_there\.sh/],
    ["not_executable", "failed", "not_executable", /plain\.bin.*chmod/s],
    ["wrong_interpreter", "failed", "spawn_failed", /no\/such\/interpreter/],
    ["wrong_architecture", "failed", "spawn_failed", /alien/],
    ["wrong_language", "failed", "error", /Node\.js/],
    ["no_runtime", "failed", "no_worker", /cobol/],
    ["killed", "failed", "signal", /SIGSEGV/],
    ["strict_json", "failed", "invalid_output", /./],
    ["needs_sandbox", "failed", "sandbox", /sandbox/],
  ];
  for (const [action, status, reason, error] of ends) {
    test(`faults.${action} ends ${status}, ${reason}, in words`, async () => {
      const done = await stack.client.run(`faults.${action}`);
      assert.equal(done.status, status, JSON.stringify(done.result));
      assert.equal(done.reason, reason, JSON.stringify(done.result));
      assert.match(done.result.error!, error);
    });
  }

  test("a failing exit takes its error from stderr", async () => {
    const done = await stack.client.run("faults.exits", { code: 7 });
    assert.equal(done.result.exit_code, 7);
    assert.match(done.result.error!, /leaving with 7/);
  });

  test("output that does not parse is reported beside completed", async () => {
    const done = await stack.client.run("faults.bad_json");
    assert.equal(done.status, "completed");
    assert.equal(done.reason, "invalid_output");
    assert.equal(done.result.output_error!.kind, "parse");
    assert.equal(done.result.stdout, "{not json\n");
  });

  test("an unknown action is a 404 that names it", async () => {
    const answer = await stack.client.raw(
      "POST",
      "/api/v1/executions/execute",
      { action_ref: "faults.nothing" },
    );
    assert.equal(answer.status, 404);
    assert.match((await answer.json()).error, /faults\.nothing/);
  });

  test("retries are executions of their own until one succeeds", async () => {
    const first = await stack.client.run("faults.flaky");
    assert.equal(first.status, "failed");
    const last = await until("the third attempt", async () => {
      const { items } = await stack.client.call<
        { items: { id: number; attempt: number; status: string }[] }
      >("GET", `/api/v1/executions?original_execution=${first.id}`);
      return items.find((e) => e.attempt === 3 && e.status === "completed");
    });
    const done = await stack.client.get(last.id);
    assert.equal(done.original_execution, first.id);
    assert.equal(done.result.stdout, "attempt 3\n");
  });

  test("cancelling a running action ends its whole tree", async () => {
    const id = await stack.client.execute("faults.forks_while_cancelled");
    await until(
      "its children",
      async () => (await processesOf(stack.url, id)).includes("sleep 984"),
    );
    await stack.client.call("POST", `/api/v1/executions/${id}/cancel`, {});
    const done = await stack.client.finished(id);
    assert.equal(done.status, "cancelled");
    assert.equal(done.reason, "cancelled");
    assert.equal(done.result.cancelled, true);
    await until(
      "nothing to be left",
      async () => (await processesOf(stack.url, id)).length === 0,
    );
  });

  test("a finished execution cannot be cancelled", async () => {
    const done = await stack.client.run("core.noop");
    const answer = await stack.client.raw(
      "POST",
      `/api/v1/executions/${done.id}/cancel`,
    );
    await answer.body?.cancel();
    assert.equal(answer.status, 409);
  });

  test("200 executions at once all complete", async () => {
    const ids = await Promise.all(
      Array.from(
        { length: 200 },
        (_, n) => stack.client.execute("core.echo", { message: `m${n}` }),
      ),
    );
    const all = await Promise.all(
      ids.map((id) => stack.client.finished(id, 60_000, 200)),
    );
    assert.deepEqual(
      all.map((e) => e.result.stdout),
      ids.map((_, n) => `m${n}`),
    );
  });

  test("no work directory is left behind", async () => {
    await until("work directories to be removed", () => {
      const left = workDirs(stack.home);
      return left.length === 0;
    });
  });
}

/** Directories named `work` below `home` that still hold something. */
function workDirs(home: string): string[] {
  const found: string[] = [];
  const visit = (dir: string, depth: number) => {
    for (const entry of Deno.readDirSync(dir)) {
      if (!entry.isDirectory) continue;
      const path = `${dir}/${entry.name}`;
      if (entry.name === "work") {
        found.push(...[...Deno.readDirSync(path)].map((e) => e.name));
      } else if (depth > 0 && entry.name !== "postgres") {
        visit(path, depth - 1);
      }
    }
  };
  visit(home, 4);
  return found;
}
