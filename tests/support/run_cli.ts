export interface CliRun {
  code: number;
  stdout: string;
  stderr: string;
}

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;

/** Starts the command line as a process of its own, with nothing but `env` in its environment. */
export function spawnCli(
  args: string[],
  { env, cwd }: { env: Record<string, string>; cwd?: string },
): Deno.ChildProcess {
  const { PATH = "", DENO_DIR, HOME } = Deno.env.toObject();
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, ...args],
    clearEnv: true,
    env: {
      PATH,
      DENO_DIR: DENO_DIR ?? `${HOME}/.cache/deno`,
      HOME: "/nonexistent",
      ...env,
    },
    ...(cwd !== undefined && { cwd }),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs one command line to its end. */
export async function runCli(
  args: string[],
  { env, cwd, stdin = "" }: {
    env: Record<string, string>;
    cwd?: string;
    stdin?: string;
  },
): Promise<CliRun> {
  const child = spawnCli(args, { env, ...(cwd !== undefined && { cwd }) });
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  return {
    code,
    stdout: new TextDecoder().decode(stdout),
    stderr: new TextDecoder().decode(stderr),
  };
}
