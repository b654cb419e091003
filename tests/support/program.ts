const ROOT = new URL("../../", import.meta.url).pathname;

export interface Program extends AsyncDisposable {
  readonly pid: number;
  readonly status: Promise<Deno.CommandStatus>;
  /** Everything it has written so far, both streams. */
  output(): string;
  signal(name: Deno.Signal): void;
}

/**
 * Runs one role of the product as a process of its own. Output goes to a file,
 * so that no read is pending between tests. Disposing kills it, with SIGTERM
 * first.
 */
export function startProgram(
  args: string[],
  { env, logFile }: { env: Record<string, string>; logFile: string },
): Program {
  const { PATH = "", HOME = "/root", DENO_DIR } = Deno.env.toObject();
  const child = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      'log=$1; shift; exec "$@" >>"$log" 2>&1',
      "sh",
      logFile,
      Deno.execPath(),
      "run",
      "-A",
      `${ROOT}src/main.ts`,
      ...args,
    ],
    cwd: ROOT,
    clearEnv: true,
    env: {
      PATH,
      HOME,
      LANG: "C.UTF-8",
      ...(DENO_DIR === undefined ? {} : { DENO_DIR }),
      ...env,
    },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let ended = false;
  const status = child.status.then((s) => {
    ended = true;
    return s;
  });

  function signal(name: Deno.Signal) {
    if (!ended) child.kill(name);
  }
  return {
    pid: child.pid,
    status,
    output: () => {
      try {
        return Deno.readTextFileSync(logFile);
      } catch {
        return "";
      }
    },
    signal,
    async [Symbol.asyncDispose]() {
      signal("SIGTERM");
      const timer = setTimeout(() => signal("SIGKILL"), 20_000);
      await status;
      clearTimeout(timer);
    },
  };
}
