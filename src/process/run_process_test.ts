// deno-lint-ignore-file no-await-in-loop -- steps run one after another
import assert from "node:assert/strict";
import { runProcess, type RunProcessOptions } from "./run_process.ts";

function collect() {
  const chunks: Uint8Array[] = [];
  return {
    write: (chunk: Uint8Array) => void chunks.push(chunk.slice()),
    text: () =>
      new TextDecoder().decode(new Uint8Array(chunks.flatMap((c) => [...c]))),
  };
}

async function run(
  argv: [string, ...string[]],
  options: Partial<RunProcessOptions> & { stdin?: Uint8Array; cwd?: string } =
    {},
) {
  const { stdin, cwd = "/", ...rest } = options;
  const out = collect(), err = collect();
  const begun = performance.now();
  const { durationMs, leftovers, cut, ...end } = await runProcess({
    argv,
    cwd,
    env: { PATH: "/usr/bin:/bin" },
    stdin,
  }, {
    signal: new AbortController().signal,
    onStdout: out.write,
    onStderr: err.write,
    ...rest,
  });
  const ms = performance.now() - begun;
  return {
    end,
    durationMs,
    leftovers,
    cut,
    out: out.text(),
    err: err.text(),
    ms,
  };
}

const sh = (script: string): [string, ...string[]] => ["/bin/sh", "-c", script];

Deno.test("runProcess() reports the exit code, the duration and both streams", async () => {
  const r = await run(sh("echo out; echo err >&2; exit 3"));
  assert.deepEqual([r.end, r.out, r.err, r.leftovers, r.cut], [
    { kind: "exited", code: 3 },
    "out\n",
    "err\n",
    null,
    false,
  ]);
  assert.ok(r.durationMs > 0 && r.durationMs < 5_000);
});

Deno.test("runProcess() feeds stdin and gives no other environment", async () => {
  const r = await run(
    sh("cat; env | grep -v -e ^_= -e ^PWD= -e ^OLDPWD= -e ^SHLVL="),
    {
      stdin: new TextEncoder().encode("hi\n"),
    },
  );
  assert.equal(r.out, "hi\nPATH=/usr/bin:/bin\n");
});

Deno.test("runProcess() gives end of file when there is no stdin", async () => {
  assert.equal((await run(sh("cat; echo end"))).out, "end\n");
});

Deno.test("runProcess() makes the process lead its own session with umask 022", async () => {
  const before = Deno.umask();
  const r = await run(sh("umask; ps -o pid=,pgid=,sid=,tty= -p $$"));
  const [umask, ids] = r.out.trim().split("\n");
  const [pid, pgid, sid, tty] = ids!.trim().split(/\s+/);
  assert.deepEqual([umask, pgid, sid, tty], ["0022", pid, pid, "?"]);
  assert.equal(Deno.umask(), before);
});

Deno.test("runProcess() does not mind a process that ignores or closes its stdin", async (t) => {
  const stdin = new Uint8Array(4 << 20);
  for (const script of ["exit 0", "exec 0<&-; sleep 0.05"]) {
    await t.step(script, async () => {
      assert.deepEqual((await run(sh(script), { stdin })).end, {
        kind: "exited",
        code: 0,
      });
    });
  }
});

Deno.test("runProcess() gives up feeding when a child of the process holds stdin unread", async () => {
  const r = await run(sh("sleep 30 <&0 >/dev/null 2>&1 & exit 0"), {
    stdin: new Uint8Array(4 << 20),
    graceMs: 1_000,
  });
  assert.deepEqual(r.end, { kind: "exited", code: 0 });
  assert.ok(r.ms < 1_000, String(r.ms));
  await r.leftovers;
});

Deno.test("runProcess() lets a process that is told to stop leave by itself", async () => {
  const reason = new Error("cancelled");
  const stop = new AbortController();
  const r = await run(
    sh("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done"),
    {
      signal: stop.signal,
      onStdout: onFirst(() => stop.abort(reason)),
    },
  );
  assert.deepEqual(r.end, { kind: "stopped", reason, forced: false });
});

Deno.test("runProcess() kills a group that ignores SIGTERM after the grace", async () => {
  const reason = new Error("cancelled");
  const stop = new AbortController();
  const r = await run(sh("trap '' TERM; echo up; sleep 30 & sleep 30"), {
    signal: stop.signal,
    graceMs: 100,
    onStdout: onFirst(() => stop.abort(reason)),
  });
  assert.deepEqual(r.end, { kind: "stopped", reason, forced: true });
  assert.ok(r.ms < 2_000, String(r.ms));
});

Deno.test("runProcess() stops a process at once when the signal aborts right after the spawn", async () => {
  const stop = new AbortController();
  const running = run(["/bin/sleep", "30"], { signal: stop.signal });
  stop.abort("soon");
  const r = await running;
  assert.deepEqual(r.end, { kind: "stopped", reason: "soon", forced: false });
});

Deno.test("runProcess() keeps the outcome of a process that ended before the first signal", async () => {
  const stop = new AbortController();
  const running = run(sh("exit 7"), { signal: stop.signal });
  const until = performance.now() + 200;
  while (performance.now() < until); // its exit is not noticed while this thread is busy
  stop.abort("late");
  assert.deepEqual((await running).end, { kind: "exited", code: 7 });
});

Deno.test("runProcess() ends those who are left in the group and reads what they say", async () => {
  const r = await run(
    sh(
      "(trap 'echo ended; exit' TERM; echo up; while :; do sleep 0.02; done) & sleep 0.2; exit 0",
    ),
  );
  assert.deepEqual([r.end, r.out, r.cut], [
    { kind: "exited", code: 0 },
    "up\nended\n",
    false,
  ]);
  await r.leftovers;
});

Deno.test("runProcess() reports at once when those who are left hold no output", async () => {
  const r = await run(
    sh("(trap '' TERM; sleep 30) >/dev/null 2>&1 & sleep 0.1; exit 0"),
    { graceMs: 300 },
  );
  assert.deepEqual(r.end, { kind: "exited", code: 0 });
  assert.ok(r.ms < 300, String(r.ms));
  assert.ok(r.leftovers !== null);
  await r.leftovers;
});

Deno.test("runProcess() cuts output that a daemon outside the group holds, after asking for its end", async () => {
  let asked = 0;
  const r = await run(sh("echo hi; setsid sleep 2 & sleep 0.1; exit 0"), {
    graceMs: 100,
    drainMs: 100,
    endStrays: () => asked++,
  });
  assert.deepEqual([r.end, r.out, r.cut, asked], [
    { kind: "exited", code: 0 },
    "hi\n",
    true,
    1,
  ]);
  assert.ok(r.ms < 1_500, String(r.ms));
});

Deno.test("runProcess() starts nothing when already aborted", async () => {
  const r = await run(sh("echo no"), { signal: AbortSignal.abort("late") });
  assert.deepEqual([r.end, r.out], [
    { kind: "stopped", reason: "late", forced: false },
    "",
  ]);
});

Deno.test("runProcess() reports death by a signal by its name", async (t) => {
  for (const name of ["SIGSEGV", "SIGKILL"]) {
    await t.step(name, async () => {
      const r = await run(sh(`kill -${name.slice(3)} $$`));
      assert.deepEqual(r.end, { kind: "signaled", signal: name });
    });
  }
});

Deno.test({
  name: "runProcess() reports death by a realtime signal by its number",
  sanitizeResources: false, // Deno cannot read such a status and keeps the child's handle
  fn: async () => {
    const r = await run(sh("kill -36 $$"));
    assert.deepEqual(r.end, { kind: "signaled", signal: "signal 36" });
  },
});

Deno.test("runProcess() tells why a program was not started", async (t) => {
  const dir = await Deno.makeTempDir();
  const file = async (name: string, text: string, mode: number) => {
    await Deno.writeTextFile(`${dir}/${name}`, text);
    await Deno.chmod(`${dir}/${name}`, mode);
    return `${dir}/${name}`;
  };
  const cases: [string, string, string][] = [
    ["missing", `${dir}/missing`, "ENOENT"],
    ["interpreter missing", await file("bad", "#!/no/such\n", 0o755), "ENOENT"],
    ["not executable", await file("plain", "#!/bin/sh\n", 0o644), "EACCES"],
    ["directory", dir, "EACCES"],
  ];
  for (const [name, path, code] of cases) {
    await t.step(name, async () => {
      const r = await run([path]);
      assert.equal(r.end.kind, "unstarted");
      assert.equal(r.end.kind === "unstarted" && r.end.code, code);
      assert.deepEqual([r.out, r.err], ["", ""]);
    });
  }
  await t.step("working directory missing", async () => {
    const r = await run(["/bin/true"], { cwd: `${dir}/missing` });
    assert.equal(r.end.kind === "unstarted" && r.end.code, "ECWD");
  });
  await Deno.remove(dir, { recursive: true });
});

Deno.test("runProcess() tries a program that is still being written five times", async () => {
  const dir = await Deno.makeTempDir();
  const path = `${dir}/busy`;
  await Deno.copyFile("/bin/true", path);
  await Deno.chmod(path, 0o755);
  const writer = await Deno.open(path, { append: true });
  const refused = await run([path]);
  assert.equal(refused.end.kind === "unstarted" && refused.end.code, "ETXTBSY");
  assert.ok(refused.ms >= 125, String(refused.ms));
  const running = run([path]);
  setTimeout(() => writer.close(), 40);
  assert.deepEqual((await running).end, { kind: "exited", code: 0 });
  await Deno.remove(dir, { recursive: true });
});

Deno.test("runProcess() leaves alone what an action says about setsid of its own", async () => {
  const r = await run(sh("setsid /no/such/program; exit 127"));
  assert.deepEqual(r.end, { kind: "exited", code: 127 });
  assert.match(r.err, /^setsid: /);
});

Deno.test("runProcess() loses no output of a fast writer", async () => {
  let bytes = 0;
  const r = await run(sh("head -c 300000000 /dev/zero"), {
    onStdout: (chunk) => bytes += chunk.length,
  });
  assert.deepEqual([r.end.kind, bytes], ["exited", 300_000_000]);
});

Deno.test("runProcess() throws when its output cannot be kept, and leaves nothing running", async () => {
  const broken = new Error("no room");
  await assert.rejects(
    run(sh("echo x; sleep 30"), {
      onStdout: () => {
        throw broken;
      },
    }),
    broken,
  );
});

function onFirst(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}
