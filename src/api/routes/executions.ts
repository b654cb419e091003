import type { Context } from "hono";
import { z } from "@hono/zod-openapi";
import { requestCancel } from "../../db/cancel.ts";
import {
  countByStatus,
  countExecutions,
  type ExecutionFilter,
  findDispatchAttempts,
  findExecution,
  listExecutions,
} from "../../db/execution_list.ts";
import type { ExecutionRow } from "../../db/execution_row.ts";
import { NUDGE } from "../../domain/changes.ts";
import type { Json } from "../../domain/json.ts";
import { packOf } from "../../domain/ref.ts";
import { allow, permit } from "../auth/allow.ts";
import { personOf } from "../auth/authenticate.ts";
import { doubled, doubledShape, list, single } from "../envelope.ts";
import type { ApiEnv } from "../env.ts";
import { ApiError } from "../errors.ts";
import { requestExecution } from "../execute.ts";
import {
  counted,
  pageQuery,
  perPageQuery,
  toPage,
  uncounted,
} from "../paginate.ts";
import { body, endpoint, json, makeRouter, optionalBody } from "../router.ts";
import { flagQuery, idParam } from "../schemas/common.ts";
import {
  ExecuteRequest,
  Execution,
  executionFilter,
  ExecutionStats,
  ExecutionSummary,
  Rescheduled,
  Status,
} from "../schemas/execution.ts";
import { redact, reveal } from "../secrets.ts";

export const executions = makeRouter();

const tags = ["executions"];

executions.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/executions/execute",
    tags,
    summary: "Start an action",
    request: { body: body(ExecuteRequest) },
    responses: {
      201: json(doubledShape(Execution), "Requested; watch it or ask again"),
    },
  }, permit("actions", "execute")),
  async (c) => {
    const row = await requestExecution(
      c.var.deps,
      personOf(c),
      c.req.valid("json"),
    );
    return c.json(doubled(shown(row)), 201);
  },
);

executions.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/executions",
    tags,
    summary: "List executions, newest first",
    request: {
      query: executionFilter.extend({
        ...perPageQuery.shape,
        include_total: flagQuery.optional(),
      }),
    },
    responses: { 200: json(list(ExecutionSummary), "A page of them") },
  }),
  async (c) => {
    const { db } = c.var.deps;
    const { include_total, page: _p, per_page: _s, ...filter } = c.req.valid(
      "query",
    );
    const page = toPage(c.req.valid("query"), { fallback: 20, max: 100 });
    if (include_total) {
      return c.json(await listCounted(c, filter, page), 200);
    }
    const rows = await listExecutions(db, filter, {
      limit: page.limit + 1,
      offset: page.offset,
    });
    return c.json(uncounted(rows, page), 200);
  },
);

executions.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/executions/stats",
    tags,
    summary: "How many executions are in which state",
    responses: { 200: json(single(ExecutionStats), "Counts") },
  }),
  async (c) => {
    const counts = await countByStatus(c.var.deps.db);
    const of = (...statuses: z.infer<typeof Status>[]) =>
      statuses.reduce((sum, status) => sum + (counts.get(status) ?? 0), 0);
    const data = {
      total: of(...Status.options),
      completed: of("completed"),
      failed: of("failed"),
      running: of("running"),
      pending: of("requested", "scheduling", "scheduled"),
      cancelled: of("cancelled", "canceling"),
      timeout: of("timeout"),
      abandoned: of("abandoned"),
    };
    return c.json({ data }, 200);
  },
);

executions.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/executions/status/{status}",
    tags,
    summary: "List executions in one state",
    request: {
      params: z.object({
        status: Status.openapi({ param: { name: "status", in: "path" } }),
      }),
      query: pageQuery,
    },
    responses: { 200: json(list(ExecutionSummary), "A page of them") },
  }),
  async (c) =>
    c.json(
      await listCounted(c, c.req.valid("param"), toPage(c.req.valid("query"))),
      200,
    ),
);

executions.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/executions/enforcement/{id}",
    tags,
    summary: "List executions of one enforcement",
    request: { params: idParam, query: pageQuery },
    responses: { 200: json(list(ExecutionSummary), "A page of them") },
  }),
  async (c) => {
    const enforcement = c.req.valid("param").id;
    const page = toPage(c.req.valid("query"));
    return c.json(await listCounted(c, { enforcement }, page), 200);
  },
);

executions.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/executions/{id}",
    tags,
    summary: "One execution",
    request: {
      params: idParam,
      query: z.object({ include_secret_values: flagQuery.optional() }),
    },
    responses: { 200: json(single(Execution), "It") },
  }),
  async (c) => {
    const { include_secret_values } = c.req.valid("query");
    const row = await existing(c, c.req.valid("param").id);
    allow(c, "executions", "read", targetOf(row));
    if (!include_secret_values) return c.json({ data: shown(row) }, 200);
    allow(c, "executions", "decrypt", targetOf(row));
    const { settings, log } = c.var.deps;
    const data = {
      ...row,
      config: reveal(row.config, settings.encryptionKey),
      result: reveal(row.result as Json, settings.encryptionKey),
    };
    log.info("secret values read", {
      execution: row.id,
      identity: personOf(c).identityId,
    });
    return c.json({ data }, 200);
  },
);

executions.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/executions/{id}/cancel",
    tags,
    summary: "Stop an execution",
    request: { params: idParam, body: optionalBody(z.object({})) },
    responses: {
      200: json(single(Execution), "Cancelled, or being cancelled"),
    },
  }),
  async (c) => {
    const { db, bus } = c.var.deps;
    const { id } = c.req.valid("param");
    allow(c, "executions", "cancel", targetOf(await existing(c, id)));
    const cancel = await requestCancel(db, id);
    if (cancel === undefined) throw notFound(id);
    if (cancel.changes.length > 0) {
      bus.nudge(NUDGE.changed, { changes: cancel.changes });
    }
    if (cancel.status === "canceling") {
      if (cancel.worker !== null) bus.nudge(NUDGE.agent(cancel.worker), {});
    } else if (cancel.before === cancel.status) {
      throw new ApiError(
        "CONFLICT",
        `Cannot cancel execution ${id} as it has ended: its status is "${cancel.status}"`,
      );
    }
    return c.json({ data: shown(await existing(c, id)) }, 200);
  },
);

executions.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/executions/{id}/reschedule",
    tags,
    summary: "Try again to place an execution that waits",
    request: { params: idParam },
    responses: { 200: json(single(Rescheduled), "The scheduler was told") },
  }),
  async (c) => {
    const { db, bus } = c.var.deps;
    const { id } = c.req.valid("param");
    const row = await existing(c, id);
    allow(c, "executions", "update", targetOf(row));
    const attempts = await findDispatchAttempts(db, id);
    if (attempts?.status !== "requested") {
      throw new ApiError(
        "CONFLICT",
        `Cannot reschedule execution ${id} as only requested ones wait for a place: its status is "${
          attempts?.status ?? row.status
        }"`,
      );
    }
    bus.nudge(NUDGE.requested, { ids: [id] });
    const message = row.waiting_for === null
      ? "The scheduler was told to place it now"
      : `The scheduler was told to try again; so far it waits for: ${row.waiting_for}`;
    const data = {
      execution: shown(row),
      attempt_count: attempts.dispatches,
      last_attempt_at: attempts.scheduled_at,
      message,
    };
    return c.json({ data }, 200);
  },
);

async function listCounted(
  c: Context<ApiEnv>,
  filter: ExecutionFilter,
  page: ReturnType<typeof toPage>,
) {
  const { db } = c.var.deps;
  const [rows, total] = await Promise.all([
    listExecutions(db, filter, page),
    countExecutions(db, filter),
  ]);
  return counted(rows, total, page);
}

/** The row, or 404. */
async function existing(c: Context<ApiEnv>, id: number): Promise<ExecutionRow> {
  const row = await findExecution(c.var.deps.db, id);
  if (row === undefined) throw notFound(id);
  return row;
}

function notFound(id: number): ApiError {
  return new ApiError("NOT_FOUND", `Execution ${id} not found`);
}

function targetOf({ action_ref }: { action_ref: string }) {
  return { ref: action_ref, packRef: packOf(action_ref) };
}

/** As everybody may see it. */
function shown(row: ExecutionRow): ExecutionRow {
  return {
    ...row,
    config: redact(row.config),
    result: redact(row.result as Json) as ExecutionRow["result"],
  };
}
