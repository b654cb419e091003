export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

export interface TestRun {
  /** `deno test` said so, too. */
  success: boolean;
  counts: TestCounts;
}

export interface RunDenoTestOptions {
  args: string[];
  env: Record<string, string>;
  /** Ends the run. */
  signal: AbortSignal;
}

/** Runs `deno test -A --parallel`, shows its output as it comes, and adds up its result. */
export async function runDenoTest(
  { args, env, signal }: RunDenoTestOptions,
): Promise<TestRun> {
  if (signal.aborted) return { success: false, counts: countTests("") };
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--parallel", ...args],
    env: {
      ...env,
      ...(Deno.stdout.isTerminal() && { FORCE_COLOR: "1" }),
    },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const end = () => child.kill("SIGTERM");
  signal.addEventListener("abort", end, { once: true });
  let tail = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    writeAll(chunk);
    tail = (tail + decoder.decode(chunk, { stream: true })).slice(-4096);
  }
  const { success } = await child.status;
  signal.removeEventListener("abort", end);
  return { success: success && !signal.aborted, counts: countTests(tail) };
}

/** Reads deno's last line: `ok | 3 passed (2 steps) | 0 failed | 1 ignored (20ms)`. */
export function countTests(output: string): TestCounts {
  // deno-lint-ignore no-control-regex -- colours are control characters
  const plain = output.replace(/\x1b\[[\d;]*m/g, "");
  const line =
    plain.split("\n").findLast((line) => /^(ok|FAILED) \| /.test(line)) ?? "";
  const count = (word: string) =>
    Number(new RegExp(`\\| (\\d+) ${word}`).exec(line)?.[1] ?? 0);
  return {
    passed: count("passed"),
    failed: count("failed"),
    skipped: count("ignored"),
  };
}

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}
