import type { z } from "@hono/zod-openapi";
import {
  findActionToExecute,
  insertExecutions,
  type NewExecution,
} from "../db/execution_insert.ts";
import { toChange } from "../db/execution_change.ts";
import type { ExecutionRow } from "../db/execution_row.ts";
import { NUDGE } from "../domain/changes.ts";
import type { JsonObject } from "../domain/json.ts";
import { checkDelegation } from "./auth/delegation.ts";
import { batchedPer, isRefusedStatement } from "./batch.ts";
import type { ApiDeps, Caller } from "./env.ts";
import { ApiError } from "./errors.ts";
import type { ExecuteRequest } from "./schemas/execution.ts";
import { AffinityRules, Selector, Tolerations } from "./schemas/placement.ts";
import { holdsStandIn, sealParameters } from "./secrets.ts";

/**
 * Requests one execution: it is in the database when this resolves, and
 * whoever schedules or watches has been told. Throws {@linkcode ApiError}.
 */
export async function requestExecution(
  deps: ApiDeps,
  caller: Exclude<Caller, { kind: "worker" }>,
  request: z.output<typeof ExecuteRequest>,
): Promise<ExecutionRow> {
  const wanted = toNewExecution(caller, request);
  const inserted = await insertTogether(deps.db)(wanted) ??
    await insertChecked(deps, caller, wanted);
  if (inserted === undefined) throw noSuchAction(wanted.action_ref);
  deps.bus.nudge(NUDGE.requested, { ids: [inserted.id] });
  deps.bus.nudge(NUDGE.changed, { changes: [toChange(inserted)] });
  return inserted;
}

/** The slow way: the action is read first, to see what the request needs or why it cannot be. */
async function insertChecked(
  { db, settings }: ApiDeps,
  caller: Caller,
  wanted: NewExecution,
): Promise<ExecutionRow | undefined> {
  const { action_ref } = wanted;
  const action = await findActionToExecute(db, action_ref);
  if (action === undefined) return undefined;
  if (action.workflow) {
    throw new ApiError(
      "NOT_IMPLEMENTED",
      `Action "${action_ref}" is a workflow, and this server does not run workflows`,
    );
  }
  if (!action.enabled || !action.pack_enabled) {
    const what = action.enabled ? "its pack is" : "it is";
    throw new ApiError(
      "CONFLICT",
      `Cannot execute action "${action_ref}" as ${what} disabled`,
    );
  }
  await checkDelegation(
    db,
    caller,
    wanted.permission_set_refs ?? action.default_execution_permission_set_refs,
  );
  const config = sealParameters(
    wanted.config,
    action.param_schema,
    settings.encryptionKey,
  );
  const [row] = await insertExecutions(db, [{
    ...wanted,
    config,
    // What was checked is what counts, also when the action changes meanwhile.
    permission_set_refs: wanted.permission_set_refs ??
      action.default_execution_permission_set_refs,
    checked: true,
  }]);
  return row;
}

function toNewExecution(
  caller: Exclude<Caller, { kind: "worker" }>,
  request: z.output<typeof ExecuteRequest>,
): NewExecution {
  const { parameters = {}, ...rest } = request;
  for (const [name, value] of Object.entries(parameters as JsonObject)) {
    if (holdsStandIn(value)) {
      throw new ApiError(
        "VALIDATION_ERROR",
        `Parameter "${name}" holds the stand-in of a secret that was taken out: send the secret itself`,
      );
    }
  }
  return {
    action_ref: rest.action_ref,
    config: parameters as JsonObject,
    env_vars: rest.env_vars ?? {},
    permission_set_refs: rest.permission_set_refs ?? null,
    artifact_retention_policy: rest.artifact_retention_policy ?? null,
    artifact_retention_limit: rest.artifact_retention_limit ?? null,
    worker_selector: override("worker_selector", Selector, request),
    worker_tolerations: override("worker_tolerations", Tolerations, request),
    worker_affinity: override("worker_affinity", AffinityRules, request),
    timeout_seconds: rest.timeout_seconds ?? null,
    parent: caller.kind === "execution" ? caller.executionId : null,
    executor: caller.identityId,
    checked: false,
  };
}

/** A malformed override is 400, unlike every other field (api.md 4.7). */
function override<T>(
  name: "worker_selector" | "worker_tolerations" | "worker_affinity",
  schema: z.ZodType<T>,
  request: z.output<typeof ExecuteRequest>,
): T | null {
  const given = request[name] ?? null;
  if (given === null) return null;
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) =>
    `${[name, ...path].join(".")}: ${message}`
  );
  throw new ApiError("BAD_REQUEST", `Invalid override: ${faults.join("; ")}`);
}

function noSuchAction(ref: string): ApiError {
  return new ApiError("NOT_FOUND", `Action '${ref}' not found`);
}

/** Requests that arrive together share one statement. */
const insertTogether = batchedPer((db: ApiDeps["db"]) => ({
  run: (batch: NewExecution[]) => insertExecutions(db, batch),
  max: 100,
  retryAlone: isRefusedStatement,
}));
