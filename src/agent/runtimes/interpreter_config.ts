import { isObject } from "../../domain/json.ts";
import type { ExecutionConfig } from "../../domain/runtime.ts";

export interface InterpreterConfig {
  /** Name or path; empty = the file runs itself. */
  binary: string;
  args: string[];
}

/** The interpreter a descriptor names, in any of its spellings (packs.md 4.2). */
export function interpreterOf(config: ExecutionConfig): InterpreterConfig {
  const interpreter: Record<string, unknown> = isObject(config.interpreter)
    ? config.interpreter
    : {};
  const { binary, args, arguments: alias } = interpreter;
  const list = Array.isArray(args) ? args : Array.isArray(alias) ? alias : [];
  const name = typeof binary === "string" ? binary.trim() : "";
  return {
    binary: name === "native" || name === "none" ? "" : name,
    args: list.map(String),
  };
}

/** True when files of the runtime run themselves. */
export function isNative(config: ExecutionConfig): boolean {
  return interpreterOf(config).binary === "";
}
