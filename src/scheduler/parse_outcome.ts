import type { OutcomeReport } from "../domain/agent_protocol.ts";
import { REASONS } from "../domain/execution.ts";
import { isObject } from "../domain/json.ts";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const BASE64 =
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const STATUSES: readonly unknown[] = ["completed", "failed", "cancelled"];
const STREAMS: readonly unknown[] = ["stdout", "stderr"];

/** Reads a message of the outcome queue. Throws an Error that names the first field that is wrong. */
export function parseOutcome(body: unknown): OutcomeReport {
  if (!isObject(body)) throw new Error("An outcome must be an object");
  const must = (field: string, good: boolean) => {
    if (good) return;
    const shown = JSON.stringify(body[field])?.slice(0, 80);
    throw new Error(`An outcome cannot have ${field} ${shown}`);
  };
  const { id, attempt, lease, status, reason, result, logs } = body;
  must("id", isCount(id) && id > 0);
  must("attempt", isCount(attempt) && attempt > 0 && attempt < 2 ** 31);
  must("lease", typeof lease === "string" && UUID.test(lease));
  must("status", STATUSES.includes(status));
  must("reason", reason === null || REASONS.some((known) => known === reason));
  must("reason", status === "completed" || reason !== null);
  must("result", isObject(result) && typeof result.succeeded === "boolean");
  must("isolation", isObjectOrNull(body.isolation));
  must("usage", isObjectOrNull(body.usage));
  must("logs", Array.isArray(logs) && logs.every(isLog));
  return body as unknown as OutcomeReport;
}

function isLog(log: unknown): boolean {
  return isObject(log) && STREAMS.includes(log.stream) && isCount(log.offset) &&
    typeof log.data === "string" && BASE64.test(log.data);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isObjectOrNull(value: unknown): boolean {
  return value === null || isObject(value);
}
