import { type Capture, makeCapture } from "../process/capture.ts";
import { type ProcessExit, runProcess } from "../process/run_process.ts";
import type { Attempt, StopReason } from "./attempts.ts";
import { LOST_GRACE_MS } from "./lease_watch.ts";
import type { Limits } from "./limits.ts";
import type { LogFeed, LogShipper } from "./log_shipper.ts";
import { type ActionCall, Refused, type Runtime } from "./runtimes/runtime.ts";

export interface RunActionOptions {
  runtime: Runtime;
  limits: Limits;
  attempt: Attempt;
  killGraceMs: number;
  shipper: LogShipper;
  endStrays: (graceMs: number) => void;
}

/** A process that ran, and what it said. */
export interface Captured {
  exit: Exclude<ProcessExit, { kind: "unstarted" }>;
  stdout: Capture;
  stderr: Capture;
  feed: LogFeed;
  leftovers: Promise<void> | null;
}

const encoder = new TextEncoder();

/** Starts the action's process and waits for its end. Throws {@linkcode Refused} when it could not be started. */
export async function runAction(
  call: ActionCall,
  { runtime, limits, attempt, killGraceMs, shipper, endStrays }:
    RunActionOptions,
): Promise<Captured> {
  const command = await runtime.command(call);
  const { env = call.env, stdin = call.stdin } = command;
  const stdout = makeCapture("stdout", limits.stdoutBytes);
  const stderr = makeCapture("stderr", limits.stderrBytes);
  const feed = shipper.open(attempt.held, [stdout, stderr]);
  const into = (capture: Capture) => (chunk: Uint8Array) => {
    capture.write(chunk);
    feed.grew();
  };
  const seconds = limits.timeoutMs / 1000;
  const timeout = setTimeout(
    () => attempt.stop({ kind: "timed_out", seconds }),
    limits.timeoutMs,
  );
  try {
    const exit = await runProcess({
      argv: command.argv,
      cwd: call.packDir ?? call.workDir,
      env,
      stdin: encoder.encode(stdin),
    }, {
      onStdout: into(stdout),
      onStderr: into(stderr),
      graceMs: killGraceMs,
      graceFor: (reason) =>
        (reason as StopReason).kind === "lost"
          ? Math.min(killGraceMs, LOST_GRACE_MS)
          : killGraceMs,
      endStrays,
      signal: attempt.signal,
    });
    if (exit.kind === "unstarted") throw refusal(exit, runtime, call);
    // Stopped before there was a process: nothing ran.
    if (exit.kind === "stopped" && exit.durationMs === 0) throw exit.reason;
    stdout.end();
    stderr.end();
    return { exit, stdout, stderr, feed, leftovers: exit.leftovers };
  } catch (error) {
    feed.drop();
    throw error;
  } finally {
    clearTimeout(timeout);
  }
}

function refusal(
  { code, message }: Extract<ProcessExit, { kind: "unstarted" }>,
  { name }: Runtime,
  { spec, interpreter, packDir, workDir, actionFile }: ActionCall,
): Refused {
  const file = spec.entry_point;
  const isNative = name === "native";
  switch (code) {
    case "ENOENT":
      return isNative
        ? new Refused(
          "spawn_failed",
          `The entry point ${file} cannot be started: ${
            interpreterLine(actionFile) ?? "the loader it needs"
          } does not exist on this agent`,
        )
        : new Refused(
          "runtime_missing",
          `The interpreter ${interpreter} is gone since it was detected`,
        );
    case "EACCES":
      return isNative
        ? new Refused(
          "not_executable",
          `The entry point ${file} may not be executed by this agent's user, or its interpreter may not`,
        )
        : new Refused(
          "spawn_failed",
          `The interpreter ${interpreter} may not be executed by this agent's user`,
        );
    case "E2BIG":
      return new Refused(
        "invalid_parameters",
        "The parameters and variables are more than the kernel takes in an environment: use parameter_delivery stdin or file",
      );
    case "ETXTBSY":
      return new Refused(
        "spawn_failed",
        `The entry point ${file} is still being written (text file busy)`,
      );
    case "ECWD":
      return new Refused(
        "spawn_failed",
        `The working directory ${packDir ?? workDir} does not exist any more`,
      );
    default:
      return new Refused(
        "spawn_failed",
        `The entry point ${file} cannot be started: ${message}`,
      );
  }
}

const LINE_MAX = 256;

/** The interpreter that a script's first line asks for, in words. */
function interpreterLine(file: string | null): string | null {
  if (file === null) return null;
  try {
    using opened = Deno.openSync(file);
    const head = new Uint8Array(LINE_MAX);
    const size = opened.readSync(head) ?? 0;
    const text = new TextDecoder().decode(head.subarray(0, size));
    const program = /^#![ \t]*([^\s]+)/.exec(text)?.[1];
    return program === undefined ? null : `its interpreter ${program}`;
  } catch {
    return null;
  }
}
