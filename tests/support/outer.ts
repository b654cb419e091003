const ROOT = new URL("../../", import.meta.url).pathname;

/** A program as a user starts it, in a process group of its own. */
export interface Outer extends AsyncDisposable {
  readonly status: Promise<Deno.CommandStatus>;
  /** Everything written so far, both streams. */
  output(): string;
  signal(name: Deno.Signal): void;
  /** To every process of the group, as a terminal does. */
  signalGroup(name: Deno.Signal): void;
}

/** Starts `attune ...`: by `deno run`, or by `deno task` of the same name. Disposing kills it. */
export function startOuter(
  args: string[],
  { env, through }: { env: Record<string, string>; through: "task" | "run" },
): Outer {
  const { PATH = "", HOME = "/root", DENO_DIR } = Deno.env.toObject();
  const logFile = Deno.makeTempFileSync({ prefix: "attune-outer-" });
  const command = through === "task"
    ? ["task", "--quiet", ...args]
    : ["run", "-A", `${ROOT}src/main.ts`, ...args];
  // A file takes the output, so that no read is pending between tests.
  const child = new Deno.Command("setsid", {
    args: [
      "sh",
      "-c",
      'log=$1; shift; exec "$@" >>"$log" 2>&1',
      "sh",
      logFile,
      Deno.execPath(),
      ...command,
    ],
    cwd: ROOT,
    clearEnv: true,
    env: { PATH, HOME, ...(DENO_DIR !== undefined && { DENO_DIR }), ...env },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let ended = false;
  const status = child.status.then((s) => {
    ended = true;
    return s;
  });
  let text: string | undefined;
  const read = () => text ?? Deno.readTextFileSync(logFile);
  return {
    status,
    output: read,
    signal(name) {
      if (!ended) child.kill(name);
    },
    // setsid made the child the leader: its pid names the group.
    signalGroup(name) {
      if (!ended && child.pid > 1) Deno.kill(-child.pid, name);
    },
    async [Symbol.asyncDispose]() {
      if (text !== undefined) return;
      const timer = setTimeout(() => !ended && child.kill("SIGKILL"), 20_000);
      await status;
      clearTimeout(timer);
      text = read();
      await Deno.remove(logFile);
    },
  };
}
