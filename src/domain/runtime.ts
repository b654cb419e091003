import type { JsonObject } from "./json.ts";

/** A command of a runtime: argv (no shell), text for `sh -c`, or none (packs.md 4.2). */
export type RuntimeCommand = string[] | string | null;

export type EnvVar =
  | string
  | {
    value: string;
    operation?: "set" | "prepend" | "append";
    separator?: string;
  };

/** How files of a runtime are run. Stored and returned as given; read through `readExecutionConfig`. */
export interface ExecutionConfig {
  interpreter?: { binary?: string; args?: string[]; file_extension?: string };
  inline_execution?: {
    strategy?: "direct" | "temp_file";
    extension?: string;
    inject_shell_helpers?: boolean;
  };
  environment?: {
    env_type?: string;
    dir_name?: string;
    create_command?: RuntimeCommand;
    interpreter_path?: string;
  };
  dependencies?: {
    manifest_file?: string;
    lock_files?: string[];
    copy_manifest?: boolean;
    install_command?: RuntimeCommand;
    locked_install_command?: RuntimeCommand;
  };
  env_vars?: Record<string, EnvVar>;
  permissions?: JsonObject;
}

export interface RuntimeVersion {
  version: string;
  is_default: boolean;
  distributions: JsonObject;
  execution_config: ExecutionConfig;
  meta: JsonObject;
}

/** A runtime as agents and the claim see it. */
export interface RuntimeDescriptor {
  ref: string;
  /** Canonical name (packs.md 4.6). */
  name: string;
  aliases: string[];
  distributions: JsonObject;
  execution_config: ExecutionConfig;
  versions: RuntimeVersion[];
}

/** One `(name, exact version)` an agent found. */
export interface DetectedInterpreter {
  name: string;
  path: string;
  /** Exact, normalised (`3.11.7`); null when unknown. */
  version: string | null;
  source: "probe" | "hint" | "builtin";
}
