import type { ExecutionSpec } from "../domain/agent_protocol.ts";
import type {
  ExecutionResult,
  Outcome,
  OutputError,
  Reason,
} from "../domain/execution.ts";
import { isObject, type Json } from "../domain/json.ts";
import { secretNames } from "../domain/param_schema.ts";
import { checkOutput } from "../packs/param_check.ts";
import type { Capture } from "../process/capture.ts";
import { errorText } from "../process/error_text.ts";
import { parseOutput } from "../process/parse_output.ts";
import type { ProcessExit } from "../process/run_process.ts";
import type { StopReason } from "./attempts.ts";

/** Enough of stderr for an error text. */
const STDERR_TAIL = 64 * 1024;

export interface Ended {
  exit: Exclude<ProcessExit, { kind: "unstarted" }>;
  stdout: Capture;
  stderr: Capture;
}

/** The outcome of a process that ran (packs.md 3.9 to 3.12). */
export function toOutcome(
  spec: Pick<
    ExecutionSpec,
    "action_ref" | "output_format" | "output_strict" | "output_schema"
  >,
  { exit, stdout, stderr }: Ended,
): Outcome {
  const ran = {
    exit_code: exit.kind === "exited" ? exit.code : -1,
    duration_ms: Math.round(exit.durationMs),
  };
  const streams = streamFacts(spec.action_ref, stdout, stderr);
  const hidden = secretNames(spec.output_schema).length > 0;
  const shown = hidden ? {} : { stdout: stdout.text() };

  if (exit.kind === "exited" && exit.code === 0) {
    return succeeded(spec, { ran, streams, hidden, stdout });
  }
  if (exit.kind === "stopped") {
    const { status, reason, result } = stoppedOutcome(
      exit.reason as StopReason,
    );
    return {
      status,
      reason,
      result: { ...result, ...ran, ...shown, ...streams },
    };
  }
  const signaled = exit.kind === "signaled";
  const error = signaled ? `Command terminated by ${exit.signal}` : errorText({
    code: exit.code,
    stdout: stdout.text(),
    stderr: stderr.tail(STDERR_TAIL),
    format: spec.output_format,
  });
  return failed(signaled ? "signal" : "error", error, {
    ...ran,
    ...(signaled && { signal: exit.signal }),
    ...shown,
    ...streams,
  });
}

/** An outcome without a process, or with the facts of one. */
export function failed(
  reason: Reason,
  error: string,
  facts: Partial<ExecutionResult> = {},
): Outcome {
  return {
    status: "failed",
    reason,
    result: { succeeded: false, error, ...facts },
  };
}

/** How an attempt ends that the agent ended. */
export function stoppedOutcome(stop: StopReason): Outcome {
  switch (stop.kind) {
    case "cancelled":
      return {
        status: "cancelled",
        reason: "cancelled",
        result: {
          succeeded: false,
          error: "Execution cancelled by user",
          cancelled: true,
        },
      };
    case "timed_out":
      return failed(
        "timed_out",
        `Execution timed out after ${stop.seconds} seconds`,
        { timed_out: true },
      );
    case "lost":
      return failed("lost", "The worker lost its hold on the execution");
    case "stopping":
      return failed("lost", "The worker was stopped while the execution ran");
  }
}

function succeeded(
  spec: Parameters<typeof toOutcome>[0],
  { ran, streams, hidden, stdout }: {
    ran: Partial<ExecutionResult>;
    streams: Partial<ExecutionResult>;
    hidden: boolean;
    stdout: Capture;
  },
): Outcome {
  const text = stdout.text();
  const { truncated } = stdout;
  const parsed = parseOutput(text, spec.output_format, { truncated });
  const fault = parsed.error ?? schemaFault(spec, parsed.data);
  const strict = fault !== undefined && spec.output_strict;
  const keepsText = spec.output_format === "text" || strict ||
    parsed.error !== undefined;
  const result: ExecutionResult = {
    succeeded: !strict,
    ...ran,
    ...(strict && { error: fault.message }),
    ...(keepsText && !hidden && { stdout: text }),
    ...(parsed.data !== undefined && { data: parsed.data }),
    ...streams,
    ...(fault !== undefined && {
      output_error: fault,
      warnings: [{ code: "invalid_output", message: fault.message }],
    }),
    ...queueAck(parsed.data),
  };
  return {
    status: strict ? "failed" : "completed",
    reason: fault === undefined ? null : "invalid_output",
    result,
  };
}

/** Where data breaks the schema; of `jsonl` every line is one value, and no output is an empty object. */
function schemaFault(
  { output_format, output_schema }: Parameters<typeof toOutcome>[0],
  data: Json | undefined,
): OutputError | undefined {
  if (output_format === "text" || output_schema === null) return undefined;
  const values = output_format === "jsonl" && Array.isArray(data)
    ? data.map((value, i) => ({ value, at: `/${i}` }))
    : [{ value: data ?? {}, at: "" }];
  for (const { value, at } of values) {
    const fault = checkOutput(output_schema, value);
    if (fault === null) continue;
    const what = data === undefined ? "stdout is blank: " : "";
    return {
      kind: "schema",
      message: what + fault.message,
      at: at + fault.at,
    };
  }
  return undefined;
}

function queueAck(data: Json | undefined): Partial<ExecutionResult> {
  return isObject(data) && data.queue_ack !== undefined
    ? { queue_ack: data.queue_ack as Json }
    : {};
}

function streamFacts(
  actionRef: string,
  stdout: Capture,
  stderr: Capture,
): Partial<ExecutionResult> {
  return {
    ...(stdout.total > 0 && { stdout_log: `${actionRef}.stdout.log` }),
    ...(stderr.total > 0 && { stderr_log: `${actionRef}.stderr.log` }),
    ...(stdout.truncated && {
      stdout_truncated: true,
      stdout_bytes_truncated: stdout.dropped,
    }),
    ...(stderr.truncated && {
      stderr_truncated: true,
      stderr_bytes_truncated: stderr.dropped,
    }),
  };
}
