/** A program with its arguments and, when we are root, the user it runs as. */
export interface Program {
  command: string;
  args: string[];
  uid?: number;
  gid?: number;
}

export interface ProgramEnd {
  code: number;
  stdout: string;
  /** Both streams, for messages. */
  output: string;
}

export interface RunProgramOptions {
  env?: Record<string, string>;
  /** Text for standard input. */
  stdin?: string;
  signal?: AbortSignal;
}

/** Runs to the end; a program that is not there ends with 127, as in a shell. */
export async function runProgram(
  program: Program,
  { env = {}, stdin, signal }: RunProgramOptions = {},
): Promise<ProgramEnd> {
  signal?.throwIfAborted();
  const { command, ...how } = program;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(command, {
      ...how,
      env,
      cwd: "/",
      stdin: stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    const output = error instanceof Error ? error.message : String(error);
    return { code: 127, stdout: "", output };
  }
  const stop = () => signalChild(child, "SIGTERM");
  signal?.addEventListener("abort", stop, { once: true });
  const [stdout, stderr, { code }] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.status,
    stdin === undefined ? undefined : feed(child.stdin, stdin),
  ]);
  signal?.removeEventListener("abort", stop);
  signal?.throwIfAborted();
  return { code, stdout, output: `${stdout}${stderr}`.trim() };
}

async function feed(stream: WritableStream<Uint8Array>, text: string) {
  const writer = stream.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Nothing happens when the process has just ended. */
export function signalChild(
  child: Deno.ChildProcess,
  signal: Deno.Signal,
): void {
  try {
    child.kill(signal);
  } catch (error) {
    const ended = error instanceof TypeError ||
      error instanceof Deno.errors.NotFound;
    if (!ended) throw error;
  }
}
