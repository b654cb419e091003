/**
 * A pack as parsed from its files (packs.md 1, 2, 4.1, 6.1, 8): every default
 * filled in, every ref qualified. `packs/` makes it, `db/` stores it.
 */
import type { Resources } from "./agent_protocol.ts";
import type { RetryPolicy } from "./execution.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Affinity, Toleration } from "./placement.ts";
import type { ExecutionConfig, RuntimeVersion } from "./runtime.ts";

export interface Pack {
  ref: string;
  version: string;
  label: string;
  description: string | null;
  author: string | null;
  email: string | null;
  /** Undefined: keep what the row says, true for a new one. */
  enabled: boolean | undefined;
  is_standard: boolean;
  conf_schema: JsonObject;
  config: JsonObject;
  meta: JsonObject;
  tags: string[];
  runtime_deps: string[];
  dependencies: string[];
  testing: JsonObject | null;
  permission_sets: PackPermissionSet[];
  runtimes: PackRuntime[];
  triggers: PackTrigger[];
  actions: PackAction[];
  rules: PackRule[];
  sensors: PackSensor[];
  /** Refs of skipped files by kind: their existing rows are kept, not removed. */
  skipped_refs: string[];
}

interface Component {
  ref: string;
  label: string;
  description: string | null;
  enabled: boolean | undefined;
  tags: string[];
  meta: JsonObject;
  /** `mypack/actions/deploy.yaml`, for messages. */
  file: string;
}

export interface PackPermissionSet {
  ref: string;
  label: string | null;
  description: string | null;
  grants: Grant[];
  file: string;
}

export interface Grant {
  resource: string;
  actions: string[];
  constraints?: JsonObject;
}

export interface PackRuntime {
  ref: string;
  name: string;
  label: string | null;
  description: string | null;
  aliases: string[];
  distributions: JsonObject;
  installation: JsonObject | null;
  execution_config: ExecutionConfig;
  versions: RuntimeVersion[];
  file: string;
}

export interface PackTrigger extends Component {
  parameters: JsonObject;
  output: JsonObject;
  payload_validation: "off" | "warn" | "reject";
  type: string | null;
  examples: Json;
}

/** What actions and sensors share. */
export interface Runnable extends Component {
  /** Canonical name where known, else as written (resolved again at scheduling). */
  runtime: string;
  runtime_version: string | null;
  required_worker_runtimes: Record<string, string>;
  entry_point: string;
  parameters: JsonObject;
  resources: Resources;
  permissions: JsonObject;
  worker_selector: Record<string, string>;
  worker_tolerations: Toleration[];
  worker_affinity: Affinity;
  log_retention_policy: RetentionPolicy | null;
  log_retention_limit: number | null;
  artifact_retention_policy: RetentionPolicy | null;
  artifact_retention_limit: number | null;
  examples: Json;
}

export type RetentionPolicy = "versions" | "days" | "hours" | "minutes";

export interface PackAction extends Runnable {
  /** Below `actions/`; such an action has no runtime and no entry point. */
  workflow_file: string | null;
  output: JsonObject;
  parameter_delivery: "stdin" | "file" | "env";
  parameter_format: "json" | "yaml" | "dotenv";
  output_format: "text" | "json" | "yaml" | "jsonl";
  output_strict: boolean;
  /** Seconds; null = the agent's default. */
  timeout: number | null;
  retry: RetryPolicy | null;
  idempotent: boolean;
  default_execution_permission_set_refs: string[];
  accesses_mcp: boolean;
  /** `wasm: {...}` as written. */
  wasm: JsonObject;
}

export interface PackSensor extends Runnable {
  trigger_types: string[];
  mode: "poll" | "daemon" | "builtin";
  poll_interval: number;
  /** Seconds, of one poll. */
  timeout: number;
  config: JsonObject;
}

export interface PackRule extends Component {
  trigger_ref: string;
  action_ref: string;
  conditions: Json;
  action_params: JsonObject;
  trigger_params: JsonObject;
  permission_set_refs: string[] | null;
}

/** Something a pack author should know; `file` is relative to the pack's parent. */
export interface PackFault {
  file: string;
  line: number;
  /** Path of the key, `retry.max_atempts`; null when the fault is about the file. */
  key: string | null;
  /** Ready to show: `mypack/actions/deploy.yaml:9: unknown key 'timout' (did you mean 'timeout'?)`. */
  message: string;
}

/** What one load did. */
export interface LoadReport {
  pack_ref: string;
  version: string;
  created: string[];
  updated: string[];
  removed: string[];
  skipped: string[];
  warnings: PackFault[];
}
