import { aborted, stopOnSignals } from "../lifecycle.ts";
import type { Connection } from "./connection.ts";
import { CliError } from "./exit.ts";
import { followExecution, nextAttempt } from "./follow_execution.ts";
import { endLine, type Progress, showProgress } from "./progress.ts";
import { sayWhyItWaits, watchStates } from "./watch_states.ts";
import type { Execution } from "./wire.ts";

export interface Waited {
  /** The last attempt. */
  execution: Execution;
  /** True when the user did not wait for its end. */
  left: boolean;
}

/** Far enough: only a second signal ends a command that waits. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * Shows an execution and its retries until the last one has ended. The first
 * Ctrl-C asks the platform to cancel, the second leaves.
 */
export async function waitForEnd(
  api: Connection,
  id: number,
  { showStdout }: { showStdout: boolean },
): Promise<Waited> {
  using stop = stopOnSignals({ graceMs: NEVER_MS });
  using progress = showProgress();
  const current = { id };
  aborted(stop.soft).then(() => cancel(api, current.id, progress));
  try {
    const execution = await followAttempts(api, current, {
      progress,
      showStdout,
      signal: stop.hard,
    });
    await sayEnd(execution, progress);
    return { execution, left: false };
  } catch (error) {
    if (!stop.hard.aborted) {
      if (!(error instanceof CliError)) throw error;
      throw new CliError(
        error.exitCode,
        `${error.message}\nExecution ${current.id} goes on without us: attune execution logs -f ${current.id}`,
      );
    }
    await progress.note(
      `left; execution ${current.id} goes on: attune execution logs -f ${current.id}`,
    );
    return { execution: { id: current.id } as Execution, left: true };
  }
}

interface Attempts {
  progress: Progress;
  showStdout: boolean;
  signal: AbortSignal;
}

async function followAttempts(
  api: Connection,
  current: { id: number },
  { progress, showStdout, signal }: Attempts,
): Promise<Execution> {
  while (true) {
    using done = endOfAttempt(signal);
    watchStates(api, current.id, progress, done.signal);
    sayWhyItWaits(api, current.id, progress, done.signal);
    // deno-lint-ignore no-await-in-loop -- one attempt after the other
    const execution = await followExecution(api, current.id, {
      stdout: showStdout ? progress.stdout : () => Promise.resolve(),
      stderr: progress.stderr,
      signal,
    });
    if (!["failed", "abandoned", "timeout"].includes(execution.status)) {
      return execution;
    }
    // deno-lint-ignore no-await-in-loop -- one attempt after the other
    const next = await nextAttempt(api, execution);
    if (next === undefined) return execution;
    // deno-lint-ignore no-await-in-loop -- one attempt after the other
    await progress.note(
      `${endLine(execution)}; attempt ${next.attempt} is execution ${next.id}`,
    );
    current.id = next.id;
  }
}

function endOfAttempt(
  outer: AbortSignal,
): Disposable & { signal: AbortSignal } {
  const ended = new AbortController();
  return {
    signal: AbortSignal.any([outer, ended.signal]),
    [Symbol.dispose]: () => ended.abort(),
  };
}

async function cancel(
  api: Connection,
  id: number,
  progress: Progress,
): Promise<void> {
  try {
    await progress.note(`cancelling execution ${id}; Ctrl-C again leaves it`);
    await api.post(`/api/v1/executions/${id}/cancel`);
  } catch (error) {
    // It may have ended this very moment; the end is shown anyway.
    await progress.note((error as Error).message);
  }
}

async function sayEnd(execution: Execution, progress: Progress): Promise<void> {
  for (const { code, message } of execution.result.warnings ?? []) {
    // What the host cannot enforce is the same for every run; `execution get` shows it.
    if (code === "sandbox_degraded") continue;
    // deno-lint-ignore no-await-in-loop -- lines in order
    await progress.line(`warning: ${message}`);
  }
  if (execution.status !== "completed") {
    return progress.line(endLine(execution));
  }
  const { duration_ms } = execution.result;
  const time = duration_ms === undefined ? "" : ` in ${duration_ms} ms`;
  await progress.note(`${endLine(execution)}${time}`);
}
