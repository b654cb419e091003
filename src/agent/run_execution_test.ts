// deno-lint-ignore-file no-await-in-loop -- steps run one after another
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type AgentWorld,
  agentWorld,
  writePack,
} from "../../tests/support/agent_world.ts";
import type { SpecParts } from "../../tests/support/fake_control_plane.ts";
import { until } from "../../tests/support/until.ts";
import type { OutcomeReport } from "../domain/agent_protocol.ts";
import { hashTree } from "../packs/tree_hash.ts";

const NATIVE: SpecParts["runtime"] = {
  name: "native",
  ref: "core.native",
  execution_config: {},
  versions: [],
};
const PYTHON: SpecParts["runtime"] = {
  name: "python",
  ref: "core.python",
  execution_config: {
    interpreter: { binary: "python3", args: ["-u"], file_extension: ".py" },
    environment: { create_command: ["{interpreter}", "-m", "venv"] },
    dependencies: {
      manifest_file: "requirements.txt",
      install_command: ["pip"],
    },
    env_vars: {
      PYTHONPATH: { value: "{pack_dir}/lib", operation: "prepend" },
    },
  },
  versions: [],
};
const SHELL: SpecParts["runtime"] = {
  name: "shell",
  ref: "core.shell",
  execution_config: { interpreter: { binary: "/bin/bash" } },
  versions: [],
};

/** Facts of an outcome that do not change from run to run. */
function facts({ status, reason, result }: OutcomeReport) {
  const { duration_ms: _, ...rest } = result;
  return { status, reason, result: rest };
}

/** Runs one inline script. */
async function inline(w: AgentWorld, source: string, parts: SpecParts = {}) {
  return await w.plane.execute({ entry_point: source, ...parts }).outcome;
}

function logOf({ logs }: OutcomeReport, stream: "stdout" | "stderr"): string {
  return logs.filter((log) => log.stream === stream)
    .map(({ data }) => atob(data)).join("");
}

Deno.test("runExecution() reports success with its output and its log inside the outcome", async () => {
  await using w = await agentWorld();
  const outcome = await inline(w, 'echo "hi $who"; echo oops >&2', {
    parameters: { who: "you" },
  });
  assert.deepEqual(facts(outcome), {
    status: "completed",
    reason: null,
    result: {
      succeeded: true,
      exit_code: 0,
      stdout: "hi you\n",
      stdout_log: "acme.test.stdout.log",
      stderr_log: "acme.test.stderr.log",
    },
  });
  assert.equal(logOf(outcome, "stdout"), "hi you\n");
  assert.equal(logOf(outcome, "stderr"), "oops\n");
  assert.equal(outcome.worker_id, 7);
  assert.equal(outcome.isolation?.level, "none");
  assert.equal(w.plane.logs.size, 2);
});

Deno.test("runExecution() gives each way to end its status, reason and text", async (t) => {
  await using w = await agentWorld({ defaultTimeoutMs: 20_000 });
  const cases: [string, string, SpecParts, Record<string, unknown>][] = [
    ["exit code", "echo why >&2; exit 3", {}, {
      status: "failed",
      reason: "error",
      result: {
        succeeded: false,
        error: "why",
        exit_code: 3,
        stdout: "",
        stderr_log: "acme.test.stderr.log",
      },
    }],
    ["signal", "kill -SEGV $$", {}, {
      status: "failed",
      reason: "signal",
      result: {
        succeeded: false,
        error: "Command terminated by SIGSEGV",
        exit_code: -1,
        signal: "SIGSEGV",
        stdout: "",
      },
    }],
    ["timeout", "sleep 30", { timeout_s: 0.2 }, {
      status: "failed",
      reason: "timed_out",
      result: {
        succeeded: false,
        error: "Execution timed out after 0.2 seconds",
        timed_out: true,
        exit_code: -1,
        stdout: "",
      },
    }],
    [
      "timeout of one that ignores SIGTERM",
      "trap '' TERM; while :; do sleep 0.05; done",
      { timeout_s: 0.2 },
      {
        status: "failed",
        reason: "timed_out",
        result: {
          succeeded: false,
          error: "Execution timed out after 0.2 seconds",
          timed_out: true,
          exit_code: -1,
          stdout: "",
        },
      },
    ],
    ["bad output", "echo no", { output_format: "json" }, {
      status: "completed",
      reason: "invalid_output",
    }],
    ["bad output, strict", "echo no", {
      output_format: "json",
      output_strict: true,
    }, {
      status: "failed",
      reason: "invalid_output",
    }],
    ["output that breaks its schema", 'echo \'{"n":"x"}\'', {
      output_format: "json",
      output_schema: { n: { type: "integer", required: true } },
    }, { status: "completed", reason: "invalid_output" }],
    ["blank output where a field is required", ":", {
      output_format: "json",
      output_schema: { n: { type: "integer", required: true } },
    }, { status: "completed", reason: "invalid_output" }],
    ["good output", 'echo noise; echo \'{"n":1,"queue_ack":[2]}\'', {
      output_format: "json",
      output_schema: { n: { type: "integer", required: true } },
    }, {
      status: "completed",
      reason: null,
      result: {
        succeeded: true,
        exit_code: 0,
        data: { n: 1, queue_ack: [2] },
        stdout_log: "acme.test.stdout.log",
        queue_ack: [2],
      },
    }],
    ["sandbox required", ":", { permissions: { sandbox: "required" } }, {
      status: "failed",
      reason: "sandbox",
    }],
    ["version that is not here", ":", { runtime_version: ">=99" }, {
      status: "failed",
      reason: "runtime_missing",
    }],
    ["interpreter that is not here", ":", {
      runtime: {
        name: "cobol",
        ref: "x.cobol",
        execution_config: { interpreter: { binary: "cobol" } },
        versions: [],
      },
    }, { status: "failed", reason: "runtime_missing" }],
    ["WebAssembly", ":", { runtime: { ...NATIVE, name: "wasm" } }, {
      status: "failed",
      reason: "runtime_missing",
    }],
    ["parameters that no environment can hold", ":", {
      parameter_delivery: "env",
      parameters: { a: "x\0y" },
    }, { status: "failed", reason: "invalid_parameters" }],
    ["more parameters than an environment holds together", ":", {
      parameter_delivery: "env",
      parameters: Object.fromEntries(
        Array.from({ length: 40 }, (_, i) => [`p${i}`, "x".repeat(100_000)]),
      ),
    }, { status: "failed", reason: "invalid_parameters" }],
    ["no files and not inline", "x.sh", { inline: false }, {
      status: "failed",
      reason: "entry_point_missing",
    }],
  ];
  for (const [name, source, parts, want] of cases) {
    await t.step(name, async () => {
      const got = facts(await inline(w, source, parts));
      assert.deepEqual(
        { ...got, ...(want.result === undefined && { result: undefined }) },
        { result: undefined, ...want },
      );
      assert.equal(got.result.succeeded, got.status === "completed");
      if (got.status !== "completed") assert.ok(got.result.error!.length > 0);
    });
  }
});

Deno.test("runExecution() says what is wrong with a file that cannot be started", async (t) => {
  await using w = await agentWorld();
  await writePack(w.dir, "acme", {
    "pack.yaml": "ref: acme\n",
    "actions/plain.sh": "echo no\n",
    "actions/bad_interpreter": "#!/no/such/interpreter\n",
    "actions/good": "#!/bin/sh\necho native $#\npwd\n",
    "actions/fails.py": "import sys\nsys.exit('no luck')\n",
  });
  const actions = join(w.dir, "packs/acme/actions");
  await Deno.writeFile(join(actions, "alien"), alienElf(), { mode: 0o755 });
  await Deno.writeTextFile(join(actions, "text"), "just text\n", {
    mode: 0o755,
  });
  await Deno.mkdir(join(actions, "dir"));
  await Deno.writeTextFile(join(actions, "dir", "x"), "");
  const pack_hash = await hashTree(join(w.dir, "packs/acme"));
  const cases: [string, SpecParts, string, string | null, RegExp][] = [
    [
      "missing.sh",
      { runtime: SHELL },
      "failed",
      "entry_point_missing",
      /no file actions\/missing\.sh/,
    ],
    [
      "../pack.yaml",
      { runtime: SHELL },
      "failed",
      "entry_point_missing",
      /out of the pack/,
    ],
    ["", { runtime: SHELL }, "failed", "entry_point_missing", /no entry point/],
    ["plain.sh", { runtime: NATIVE }, "failed", "not_executable", /chmod \+x/],
    ["dir", { runtime: NATIVE }, "failed", "not_executable", /not executable/],
    [
      "bad_interpreter",
      { runtime: NATIVE },
      "failed",
      "spawn_failed",
      /its interpreter \/no\/such\/interpreter does not exist/,
    ],
    ["alien", { runtime: NATIVE }, "failed", "spawn_failed", /a program for/],
    [
      "text",
      { runtime: NATIVE },
      "failed",
      "spawn_failed",
      /neither a program/,
    ],
    ["fails.py", { runtime: PYTHON }, "failed", "error", /^no luck$/],
    ["fails.py", { runtime: SHELL }, "failed", "error", /./],
  ];
  for (const [entry_point, parts, status, reason, text] of cases) {
    await t.step(`${entry_point || "no name"}: ${reason}`, async () => {
      const got = facts(
        await w.plane.execute({
          entry_point,
          inline: false,
          pack_hash,
          ...parts,
        }).outcome,
      );
      assert.deepEqual([got.status, got.reason], [status, reason]);
      assert.match(got.result.error!, text);
    });
  }
  await t.step("a good one runs in the pack, without arguments", async () => {
    const got = facts(
      await w.plane.execute({
        entry_point: "actions/good",
        inline: false,
        pack_hash,
        runtime: NATIVE,
      }).outcome,
    );
    assert.equal(got.result.stdout, `native 0\n${join(w.dir, "packs/acme")}\n`);
  });
});

/** The head of a program for another machine. */
function alienElf(): Uint8Array {
  const head = Deno.readFileSync("/bin/true").slice(0, 256);
  head[18] = Deno.build.arch === "x86_64" ? 183 : 62;
  return head;
}

Deno.test("runExecution() waits for a program that is still being written", async () => {
  await using w = await agentWorld();
  await writePack(w.dir, "acme", { "actions/x": "" });
  const file = join(w.dir, "packs/acme/actions/busy");
  await Deno.copyFile("/bin/true", file);
  await Deno.chmod(file, 0o755);
  const writer = await Deno.open(file, { append: true });
  const work = {
    entry_point: "busy",
    inline: false,
    runtime: NATIVE,
    pack_hash: await hashTree(join(w.dir, "packs/acme")),
  };
  const refused = facts(await w.plane.execute(work).outcome);
  assert.equal(refused.reason, "spawn_failed");
  assert.match(refused.result.error!, /text file busy/);
  writer.close();
  assert.equal((await w.plane.execute(work).outcome).status, "completed");
});

Deno.test("runExecution() refuses a pack whose dependencies would have to be installed", async () => {
  await using w = await agentWorld();
  const pack_hash = await writePack(w.dir, "acme", {
    "requirements.txt": "requests\n",
    "actions/a.py": "print(1)\n",
  });
  const got = facts(
    await w.plane.execute({
      entry_point: "a.py",
      inline: false,
      pack_hash,
      runtime: PYTHON,
    }).outcome,
  );
  assert.equal(got.reason, "env_setup_failed");
  assert.match(
    got.result.error!,
    /requirements\.txt.*not available in this version/,
  );
});

Deno.test("runExecution() delivers parameters and secrets each way", async (t) => {
  await using w = await agentWorld();
  const pack_hash = await writePack(w.dir, "acme", {
    "actions/show.sh":
      'cat; echo "file:"; cat "${ATTUNE_PARAMETER_FILE:-/dev/null}"; env | grep ^ATTUNE_ACTION_ | sort; echo "$ATTUNE_PARAMETER_DELIVERY $ATTUNE_PARAMETER_FORMAT"; test -z "$ATTUNE_PARAMETER_FILE" || stat -c %a "$ATTUNE_PARAMETER_FILE"\n',
  });
  const parameters = { name: "a'b", x: 1.5, token: "s3cret" };
  const cases: [SpecParts, string][] = [
    [
      { parameter_delivery: "stdin", parameter_format: "json" },
      `{"name":"a'b","x":1.5,"token":"s3cret"}\nfile:\nstdin json\n`,
    ],
    [
      { parameter_delivery: "stdin", parameter_format: "yaml" },
      `name: a'b\nx: 1.5\ntoken: s3cret\nfile:\nstdin yaml\n`,
    ],
    [
      { parameter_delivery: "stdin", parameter_format: "dotenv" },
      `name='a'\\''b'\ntoken='s3cret'\nx='1.5'\nfile:\nstdin dotenv\n`,
    ],
    [
      { parameter_delivery: "file", parameter_format: "dotenv" },
      `file:\nname='a'\\''b'\ntoken='s3cret'\nx='1.5'\nfile dotenv\n400\n`,
    ],
    [
      { parameter_delivery: "env", parameter_format: "yaml" },
      `{"token":"s3cret"}\nfile:\nATTUNE_ACTION_NAME=a'b\nATTUNE_ACTION_X=1.5\nenv json\n`,
    ],
  ];
  for (const [parts, want] of cases) {
    await t.step(
      `${parts.parameter_delivery} ${parts.parameter_format}`,
      async () => {
        const { result } = await w.plane.execute({
          entry_point: "show.sh",
          inline: false,
          pack_hash,
          runtime: SHELL,
          parameters,
          secret_names: ["token"],
          ...parts,
        }).outcome;
        assert.equal(result.stdout, want.replace(/^ATTUNE_ACTION=.*\n/m, ""));
      },
    );
  }
  assert.ok(!w.lines.some((line) => line.includes("s3cret")));
});

Deno.test("runExecution() builds the environment from nothing", async () => {
  Deno.env.set("ATTUNE_TEST_LEAK", "leak");
  Deno.env.set("PASS_ME", "passed");
  await using w = await agentWorld({ envPassthrough: ["PASS_ME"] });
  Deno.env.delete("ATTUNE_TEST_LEAK");
  Deno.env.delete("PASS_ME");
  const { result } = await inline(
    w,
    "env | sort; umask; ls -ld $HOME $TMPDIR $ATTUNE_WORK_DIR | cut -c1-10; ls -d $ATTUNE_ARTIFACTS_DIR",
    {
      token: "exec-token",
      rule_ref: "acme.rule",
      trigger_ref: "acme.trigger",
      env_vars: { MINE: "yes", ATTUNE_EXEC_ID: "no" },
      parameters: { context: { user: "u" } },
      id: 42,
      chain_id: 40,
    },
  );
  const lines = result.stdout!.split("\n");
  const names = lines.filter((l) => /^[A-Z_]+=/.test(l)).map((l) =>
    l.split("=")[0]
  );
  const shells = ["BASH_VERSION", "OLDPWD", "PWD", "SHLVL", "_", "TZ"];
  assert.deepEqual(names.filter((n) => !shells.includes(n!)), [
    "ATTUNE_ACTION",
    "ATTUNE_API_TOKEN",
    "ATTUNE_API_URL",
    "ATTUNE_ARTIFACTS_DIR",
    "ATTUNE_ATTEMPT",
    "ATTUNE_CONTEXT_USER",
    "ATTUNE_EXEC_ID",
    "ATTUNE_PACK_REF",
    "ATTUNE_PARAMETER_DELIVERY",
    "ATTUNE_PARAMETER_FORMAT",
    "ATTUNE_RULE",
    "ATTUNE_RUNTIME_ENVS_DIR",
    "ATTUNE_TRIGGER",
    "ATTUNE_WORK_DIR",
    "HOME",
    "LANG",
    "MINE",
    "PASS_ME",
    "PATH",
    "TMPDIR",
  ]);
  assert.ok(lines.includes("ATTUNE_EXEC_ID=42"));
  assert.ok(lines.includes(`ATTUNE_API_URL=${w.plane.url}`));
  assert.deepEqual(lines.slice(-6, -2), [
    "0022",
    "drwx------",
    "drwx------",
    "drwx------",
  ]);
  assert.match(lines.at(-2)!, /\/work\/[^/]+\/artifacts$/);
});

Deno.test("runExecution() removes the work dir, read-only parts included", async () => {
  await using w = await agentWorld();
  await inline(
    w,
    'mkdir -p "$TMPDIR/a/b"; echo x > "$TMPDIR/a/b/c"; chmod 500 "$TMPDIR/a/b" "$TMPDIR/a"; chmod 000 "$HOME"',
  );
  await until("an empty work root", () => w.workDirs().length === 0);
});

Deno.test("runExecution() cancels a running attempt, and one that ignores SIGTERM", async (t) => {
  for (const trap of ["", "trap '' TERM; "]) {
    await t.step(trap || "polite", async () => {
      await using w = await agentWorld();
      const work = w.plane.execute({
        entry_point: `${trap}echo up; while :; do sleep 0.05; done`,
      });
      await w.plane.seen(() =>
        w.plane.logs.get(`${work.id}.stdout`) === "up\n"
      );
      w.plane.cancel(work.id);
      assert.deepEqual(facts(await work.outcome), {
        status: "cancelled",
        reason: "cancelled",
        result: {
          succeeded: false,
          error: "Execution cancelled by user",
          cancelled: true,
          exit_code: -1,
          stdout: "up\n",
          stdout_log: "acme.test.stdout.log",
        },
      });
    });
  }
});

Deno.test("runExecution() kills what was taken away and reports nothing of it", async () => {
  await using w = await agentWorld();
  const work = w.plane.execute({ entry_point: "echo up; sleep 60" });
  await w.plane.seen(() => w.plane.logs.has(`${work.id}.stdout`));
  assert.equal(w.agent.running, 1);
  w.plane.lose(work.id);
  await until("the end of the attempt", () => w.agent.running === 0);
  await until("an empty work root", () => w.workDirs().length === 0);
  assert.deepEqual([w.plane.queued, w.plane.posted], [[], []]);
});

Deno.test("runExecution() streams a long log while it runs, each byte once", async () => {
  await using w = await agentWorld();
  const work = w.plane.execute({
    entry_point:
      "i=0; while [ $i -lt 60 ]; do echo line $i; echo err $i >&2; i=$((i+1)); sleep 0.02; done; head -c 200000 /dev/zero | tr '\\0' x",
  });
  await w.plane.seen(() =>
    (w.plane.logs.get(`${work.id}.stdout`)?.length ?? 0) > 0
  );
  const outcome = await work.outcome;
  const count = Array.from({ length: 60 }, (_, i) => i);
  assert.equal(
    w.plane.logs.get(`${work.id}.stdout`),
    count.map((i) => `line ${i}\n`).join("") + "x".repeat(200_000),
  );
  assert.equal(
    w.plane.logs.get(`${work.id}.stderr`),
    count.map((i) => `err ${i}\n`).join(""),
  );
  assert.ok(outcome.logs.length <= 2);
});

Deno.test("runExecution() cuts output at the limit, counts the rest and keeps its speed", async () => {
  await using w = await agentWorld({ maxStdoutBytes: 100_000 });
  const outcome = await inline(
    w,
    "head -c 50000000 /dev/zero | tr '\\0' x; echo done >&2",
  );
  const { result } = outcome;
  assert.equal(result.stdout_truncated, true);
  assert.equal(result.stdout_bytes_truncated, 50_000_000 - (100_000 - 128));
  assert.equal(
    result.stdout,
    "x".repeat(99_872) + "\n\n[OUTPUT TRUNCATED: stdout exceeded size limit]\n",
  );
  assert.equal(w.plane.logs.get(`${outcome.id}.stdout`), result.stdout);
});

Deno.test("runExecution() survives output that is no text", async () => {
  await using w = await agentWorld();
  const outcome = await inline(w, "printf 'a\\377\\000b'", {
    output_format: "text",
  });
  assert.equal(outcome.result.stdout, "a\ufffd\ufffdb");
  assert.equal(logOf(outcome, "stdout"), "a\xff\0b");
  const data = await inline(w, `printf '{"a":"x\\\\u0000y","b":"\\\\ud800"}'`, {
    output_format: "json",
  });
  assert.deepEqual(data.result.data, { a: "x\ufffdy", b: "\ufffd" });
});

Deno.test("runExecution() keeps a large result elsewhere and leaves a pointer", async () => {
  await using w = await agentWorld();
  const outcome = await inline(w, "head -c 700000 /dev/zero | tr '\\0' x");
  const { result } = outcome;
  assert.equal(result.result_artifact, `result.${outcome.id}`);
  assert.equal(result.stdout, "x".repeat(64 * 1024));
  assert.equal(result.stdout_inline_truncated, true);
  const stored = w.plane.results.get(outcome.id) as { stdout: string };
  assert.equal(stored.stdout.length, 700_000);
});

Deno.test("runExecution() sends a result with secrets over HTTPS only, without stdout", async () => {
  await using w = await agentWorld();
  const outcome = await inline(w, 'echo \'{"key":"s3cret"}\'', {
    output_format: "json",
    output_schema: { key: { type: "string", secret: true } },
  });
  assert.deepEqual(outcome.result.data, { key: "s3cret" });
  assert.equal(outcome.result.stdout, undefined);
  assert.deepEqual([w.plane.queued.length, w.plane.posted.length], [0, 1]);
  const shown = await inline(w, "echo s3cret; exit 1", {
    output_format: "json",
    output_schema: { key: { type: "string", secret: true } },
  });
  assert.equal(shown.result.stdout, undefined);
});

Deno.test("runExecution() uploads artifacts and gives a retry the same directory", async () => {
  await using w = await agentWorld();
  const failed = await inline(
    w,
    'mkdir -p "$ATTUNE_ARTIFACTS_DIR/a b"; echo 1 > "$ATTUNE_ARTIFACTS_DIR/a b/v1.txt"; ln -s /etc/passwd "$ATTUNE_ARTIFACTS_DIR/link"; exit 1',
    { chain_id: 900 },
  );
  assert.equal(failed.result.warnings, undefined);
  assert.deepEqual([...w.plane.uploads.keys()], ["a b/v1.txt"]);
  const { result } = await inline(w, 'cat "$ATTUNE_ARTIFACTS_DIR/a b/v1.txt"', {
    chain_id: 900,
  });
  assert.equal(result.stdout, "1\n");
  await until(
    "no artifacts dir",
    () =>
      [...Deno.readDirSync(join(w.options.artifactsDir, ".executions"))]
        .length === 0,
  );
});

Deno.test("runExecution() fetches a pack that is not on the volume, once for many", async () => {
  await using w = await agentWorld();
  const { archiveTree } = await import("../packs/archive_tree.ts");
  const pack_hash = await writePack(w.dir, "acme", {
    "pack.yaml": "ref: acme\n",
    "actions/a.sh": "echo fetched\n",
  });
  const bytes = await new Response(await archiveTree(join(w.dir, "packs/acme")))
    .bytes();
  await Deno.rename(join(w.dir, "packs/acme"), join(w.dir, "away"));
  w.plane.packs.set(pack_hash, bytes);
  const spec = {
    entry_point: "a.sh",
    inline: false,
    pack_hash,
    runtime: SHELL,
  };
  const both = await Promise.all([
    w.plane.execute(spec).outcome,
    w.plane.execute(spec).outcome,
  ]);
  assert.deepEqual(both.map(({ result }) => result.stdout), [
    "fetched\n",
    "fetched\n",
  ]);
  assert.equal(w.plane.downloads.length, 1);
  assert.deepEqual(w.plane.phases.map(({ phase }) => phase).sort(), [
    "preparing",
    "preparing",
    "started",
    "started",
  ]);
  assert.equal(
    (await w.plane.execute(spec).outcome).result.stdout,
    "fetched\n",
  );
  assert.equal(w.plane.phases.length, 4);
});

Deno.test("runExecution() spawns nothing when the end of its preparation is not acknowledged", async () => {
  await using w = await agentWorld();
  w.plane.holdPhase = false;
  w.plane.execute({
    entry_point: "a.sh",
    inline: false,
    pack_hash: "0".repeat(64),
    runtime: SHELL,
  });
  await w.plane.seen(() => w.plane.phases.length === 1);
  await until("the end of the attempt", () => w.agent.running === 0);
  assert.deepEqual([w.plane.queued, w.plane.downloads], [[], []]);
});

Deno.test("runExecution() fails a pack that cannot be fetched", async () => {
  await using w = await agentWorld();
  const got = facts(
    await w.plane.execute({
      entry_point: "a.sh",
      inline: false,
      pack_hash: "0".repeat(64),
      runtime: SHELL,
    }).outcome,
  );
  assert.equal(got.reason, "error");
  assert.match(got.result.error!, /pack acme could not be fetched.*404/);
});

Deno.test("runExecution() lowers output_mb to the operator's cap, with a warning", async () => {
  await using w = await agentWorld({ resourceCaps: { output_mb: 1 } });
  const { result } = await inline(w, "head -c 2000000 /dev/zero", {
    resources: { output_mb: 5 },
  });
  assert.equal(result.stdout_truncated, true);
  assert.deepEqual(result.warnings?.map(({ code }) => code), [
    "resource_capped",
  ]);
});
