import type { ExecutionSpec } from "../domain/agent_protocol.ts";
import type { AgentOptions } from "./options.ts";

const MIB = 1024 * 1024;
/** Timers of JavaScript take no longer wait. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface Limits {
  timeoutMs: number;
  stdoutBytes: number;
  stderrBytes: number;
  /** What of the action's wishes the operator's caps lowered. */
  warnings: { code: string; message: string }[];
}

/** What an attempt may take of time and output (packs.md 2.4, 3.8, 3.11). */
export function limitsOf(
  spec: Pick<ExecutionSpec, "timeout_s" | "resources">,
  options: Pick<
    AgentOptions,
    | "defaultTimeoutMs"
    | "maxTimeoutMs"
    | "maxStdoutBytes"
    | "maxStderrBytes"
    | "resourceCaps"
  >,
): Limits {
  const wanted = spec.timeout_s === null
    ? options.defaultTimeoutMs
    : spec.timeout_s * 1000;
  const timeoutMs = Math.min(wanted, options.maxTimeoutMs, TIMER_MAX_MS);
  const { output_mb: asked } = spec.resources;
  const { output_mb: cap = Infinity } = options.resourceCaps;
  const kept = asked === undefined ? undefined : Math.min(asked, cap) * MIB;
  const capped = cap * MIB;
  const warnings = asked !== undefined && asked > cap
    ? [{
      code: "resource_capped",
      message:
        `output_mb was lowered from ${asked} to ${cap}, the most this agent allows`,
    }]
    : [];
  return {
    timeoutMs,
    stdoutBytes: Math.min(kept ?? options.maxStdoutBytes, capped),
    stderrBytes: Math.min(kept ?? options.maxStderrBytes, capped),
    warnings,
  };
}
