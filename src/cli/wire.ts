/** What the commands read of the API's answers (api.md 6). */
import type {
  ExecutionResult,
  ExecutionStatus,
  Reason,
} from "../domain/execution.ts";
import type { JsonObject } from "../domain/json.ts";

export interface ListAnswer<T> {
  items: T[];
}

export interface DataAnswer<T> {
  data: T;
}

export interface ExecutionSummary {
  id: number;
  action_ref: string;
  status: ExecutionStatus;
  reason: Reason | null;
  attempt: number;
  original_execution: number | null;
  created: string;
  started_at: string | null;
  finished_at: string | null;
  waiting_for?: string | null;
}

export interface Execution extends ExecutionSummary {
  config: JsonObject;
  result: Partial<ExecutionResult>;
}

export interface ActionSummary {
  ref: string;
  label: string;
  description: string | null;
  enabled: boolean;
  runtime_ref: string | null;
}

export interface Action extends ActionSummary {
  param_schema: JsonObject | null;
}

export interface PackSummary {
  ref: string;
  version: string;
  label: string;
  description: string | null;
}

export interface Worker {
  id: number;
  name: string;
  worker_type: string;
  health_state: string;
  heartbeat_age_seconds: number | null;
  cordoned: boolean;
  supported_runtimes: { name: string; versions: string[] }[];
  load: { total_active: number; max_concurrent_executions: number | null };
}
