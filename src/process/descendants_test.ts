import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { until } from "../../tests/support/until.ts";
import { silentLog } from "../log.ts";
import { makeSweeper } from "./descendants.ts";
import { ownLine, readStat } from "./proc.ts";
import { runProcess } from "./run_process.ts";

/** Set inside the namespace, where only what these tests start can be hit. */
const INSIDE = "ATTUNE_TEST_PID_NAMESPACE";
const inside = Deno.env.get(INSIDE) === "1";
const unshare = ["-pf", "--mount-proc", "--kill-child"];

function why(): string | null {
  if (Deno.build.os !== "linux") return "it needs Linux";
  if (Deno.uid() !== 0) return "a PID namespace needs root here";
  const { success } = new Deno.Command("unshare", {
    args: [...unshare, "true"],
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return success ? null : "unshare is refused";
}

if (inside) {
  Deno.test("makeSweeper() ends a daemon that left its group, and its children", async () => {
    await using w = await world();
    const daemon = await w.leave("sleep 60 & exec sleep 60");
    assert.equal((await w.marked()).length, 2);
    w.sweeper.end(w.dir);
    await w.sweeper.swept();
    assert.deepEqual(await w.marked(), []);
    assert.equal(readStat(daemon), null);
  });

  Deno.test("makeSweeper() kills who ignores SIGTERM after the grace", async () => {
    await using w = await world();
    await w.leave("trap '' TERM; while :; do sleep 0.1; done");
    const begun = performance.now();
    w.sweeper.end(w.dir);
    await w.sweeper.swept();
    assert.ok(performance.now() - begun >= 300);
    assert.deepEqual(await w.marked(), []);
  });

  Deno.test("makeSweeper() ends those that double-fork while it looks", async () => {
    await using w = await world();
    await w.leave(
      "i=0; while [ $i -lt 400 ]; do setsid sh -c 'sleep 60' & i=$((i+1)); sleep 0.01; done",
    );
    w.sweeper.end(w.dir);
    await w.sweeper.swept();
    assert.deepEqual(await w.marked(), []);
  });

  Deno.test("makeSweeper() leaves alone live attempts, other roots and strangers", async () => {
    await using w = await world();
    await using other = await world();
    const live = await w.leave("exec sleep 60", `${w.root}/2.1`);
    const foreign = await other.leave("exec sleep 60");
    const unmarked = await w.leave("exec sleep 60", undefined, false);
    const gone = await w.leave("exec sleep 60");
    w.sweeper.begin(`${w.root}/2.1`);
    w.sweeper.end(w.dir);
    await w.sweeper.swept();
    assert.equal(readStat(gone), null);
    for (const pid of [live, foreign, unmarked]) {
      assert.notEqual(readStat(pid), null);
      Deno.kill(pid, "SIGKILL");
    }
  });

  Deno.test("makeSweeper() finds at its start what a former life left", async () => {
    await using w = await world();
    const left = await w.leave("exec sleep 60");
    await using next = makeSweeper({
      workRoot: w.root,
      graceMs: 300,
      log: silentLog,
    });
    await next.swept();
    assert.equal(readStat(left), null);
  });

  Deno.test("ownLine() is this process and all above it", () => {
    const line = ownLine();
    assert.ok(line.has(Deno.pid) && line.has(1));
  });
} else {
  const reason = why();
  Deno.test({
    name: `makeSweeper() holds in a PID namespace of its own${
      reason === null ? "" : ` (skipped: ${reason})`
    }`,
    ignore: reason !== null,
    fn: async () => {
      // The shell reaps what is orphaned in the namespace, as any init does.
      const test = [Deno.execPath(), "test", "-A", "--no-check"]
        .concat(fileURLToPath(import.meta.url));
      const { code, stdout } = await new Deno.Command("unshare", {
        args: [...unshare, "/bin/sh", "-c", '"$@"; exit $?', "sh", ...test],
        env: { [INSIDE]: "1", NO_COLOR: "1" },
        stderr: "null",
      }).output();
      const text = new TextDecoder().decode(stdout);
      assert.equal(code, 0, text);
      assert.match(text, /6 passed/);
    },
  });
}

async function world() {
  const root = await Deno.makeTempDir({ prefix: "attune-sweep-" });
  const dir = `${root}/1.1`;
  const sweeper = makeSweeper({ workRoot: root, graceMs: 300, log: silentLog });
  sweeper.begin(dir);
  return {
    root,
    dir,
    sweeper,
    /** Starts a daemon in a session of its own and answers its pid once it is marked. */
    async leave(
      script: string,
      workDir = dir,
      marked = true,
    ): Promise<number> {
      let said = "";
      await runProcess({
        argv: [
          "/bin/sh",
          "-c",
          `setsid sh -c 'echo $$; exec >&- 2>&-; ${
            script.replaceAll("'", "'\\''")
          }' & sleep 0.3`,
        ],
        cwd: "/",
        env: {
          PATH: "/usr/bin:/bin",
          ...(marked && { ATTUNE_EXEC_ID: "1", ATTUNE_WORK_DIR: workDir }),
        },
      }, {
        onStdout: (chunk) => said += new TextDecoder().decode(chunk),
        onStderr: () => {},
        signal: new AbortController().signal,
      });
      const pid = Number(said.trim());
      await until("the daemon", () => readStat(pid) !== null);
      return pid;
    },
    /** Processes with the marks of `dir`. */
    async marked(): Promise<number[]> {
      const pids = await Array.fromAsync(Deno.readDir("/proc"), (e) => +e.name);
      return pids.filter((pid) => {
        try {
          return Deno.readTextFileSync(`/proc/${pid}/environ`)
            .includes(`ATTUNE_WORK_DIR=${dir}\0`);
        } catch {
          return false;
        }
      });
    },
    async [Symbol.asyncDispose]() {
      await sweeper[Symbol.asyncDispose]();
      await Deno.remove(root, { recursive: true });
    },
  };
}
