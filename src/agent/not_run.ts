import type { Outcome } from "../domain/execution.ts";
import type { Log } from "../log.ts";
import { InvalidParameters } from "../process/invalid_parameters.ts";
import type { Attempt, StopReason } from "./attempts.ts";
import { Refused } from "./runtimes/runtime.ts";
import { failed, stoppedOutcome } from "./to_outcome.ts";

/** Why nothing ran, as an outcome; undefined when it is no longer ours. */
export function notRun(
  error: unknown,
  { signal, gone }: Attempt,
  { onRuntimeMissing, log }: { onRuntimeMissing(): void; log: Log },
): Outcome | undefined {
  if (signal.aborted) {
    return gone ? undefined : stoppedOutcome(signal.reason as StopReason);
  }
  if (error instanceof InvalidParameters) {
    return failed("invalid_parameters", error.message);
  }
  if (error instanceof Refused) {
    if (error.reason === "runtime_missing") onRuntimeMissing();
    return failed(error.reason, error.message);
  }
  log.error("an execution could not be run", { error });
  const message = error instanceof Error ? error.message : String(error);
  return failed("error", `The agent could not run it: ${message}`);
}
