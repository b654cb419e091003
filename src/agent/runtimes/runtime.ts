import type { ExecutionSpec } from "../../domain/agent_protocol.ts";
import type { Reason } from "../../domain/execution.ts";
import type { ExecutionConfig } from "../../domain/runtime.ts";

/** One attempt as a runtime sees it: everything is in its place but the command. */
export interface ActionCall {
  spec: ExecutionSpec;
  /** Of the chosen version. */
  config: ExecutionConfig;
  /** Null when the pack has no files. */
  packDir: string | null;
  /** The entry point, which exists; null for inline source. */
  actionFile: string | null;
  workDir: string;
  artifactsDir: string;
  /** Path of the interpreter that was found; empty when files run themselves. */
  interpreter: string;
  /** The whole environment of the process. */
  env: Record<string, string>;
  /** What the process reads; empty = end of file at once. */
  stdin: string;
}

export interface Command {
  argv: [string, ...string[]];
  /** Instead of the call's. */
  env?: Record<string, string>;
  stdin?: string;
  /** What the runtime itself confines, by layer. */
  layers?: Record<string, unknown>;
}

/** This action cannot be started like that. */
export class Refused extends Error {
  override name = "Refused";
  constructor(readonly reason: Reason, message: string) {
    super(message);
  }
}

/**
 * Makes the command that runs an action. Throws {@linkcode Refused}. Every
 * runtime passes `runtime_contract.ts`.
 */
export interface Runtime {
  readonly name: "native" | "interpreter" | "deno";
  command(call: ActionCall): Promise<Command>;
}
