import type {
  ExecutionResult,
  ExecutionStatus,
  Reason,
} from "../../src/domain/execution.ts";
import type { Isolation } from "../../src/domain/isolation.ts";

/** The fields of an execution that tests look at (api.md 6). */
export interface Execution {
  id: number;
  action_ref: string;
  status: ExecutionStatus;
  reason: Reason | null;
  attempt: number;
  result: ExecutionResult;
  isolation: Isolation | null;
  config: Record<string, unknown>;
  worker: number | null;
  original_execution: number | null;
  waiting_for: string | null;
  created: string;
  started_at: string | null;
  finished_at: string | null;
}
