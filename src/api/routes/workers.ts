import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import {
  cordonWorker,
  countWorkers,
  listWorkers,
  uncordonWorker,
  type WorkerRow,
} from "../../db/worker_list.ts";
import { HEARTBEAT_MS } from "../../domain/agent_protocol.ts";
import { NUDGE } from "../../domain/changes.ts";
import { allow, permit } from "../auth/allow.ts";
import { personOf } from "../auth/authenticate.ts";
import { list } from "../envelope.ts";
import type { ApiEnv } from "../env.ts";
import { ApiError } from "../errors.ts";
import { counted, pageQuery, toPage } from "../paginate.ts";
import { endpoint, json, makeRouter, optionalBody } from "../router.ts";
import { flagQuery, idParam } from "../schemas/common.ts";
import {
  CordonRequest,
  HEALTH_STATES,
  Worker,
  WORKER_STATUSES,
} from "../schemas/worker.ts";

export const workers = makeRouter();

const tags = ["workers"];
const STALE_MS = 3 * HEARTBEAT_MS;

workers.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/workers",
    tags,
    summary: "List workers by name",
    request: {
      query: pageQuery.extend({
        role: z.enum(["action", "sensor"]).optional(),
        status: z.enum(WORKER_STATUSES).optional(),
        cordoned: flagQuery.optional(),
        health_state: z.enum(HEALTH_STATES).optional(),
      }),
    },
    responses: { 200: json(list(Worker), "A page of them") },
  }, permit("workers", "read")),
  async (c) => {
    const { db } = c.var.deps;
    const query = c.req.valid("query");
    const page = toPage(query);
    const [rows, total] = await Promise.all([
      listWorkers(db, query, STALE_MS, page),
      countWorkers(db, query, STALE_MS),
    ]);
    return c.json(counted(rows.map(toWorker), total, page));
  },
);

workers.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/workers/{id}",
    tags,
    summary: "One worker",
    request: { params: idParam },
    responses: { 200: json(Worker, "The worker") },
  }),
  async (c) => {
    const worker = await workerById(c, c.req.valid("param").id);
    allow(c, "workers", "read");
    return c.json(worker);
  },
);

workers.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/workers/{id}/cordon",
    tags,
    summary: "Keep new work away from a worker; what runs goes on",
    request: { params: idParam, body: optionalBody(CordonRequest) },
    responses: { 200: json(Worker, "The worker") },
  }),
  async (c) => {
    const { db, bus } = c.var.deps;
    const { id } = c.req.valid("param");
    await workerById(c, id);
    allow(c, "workers", "manage");
    const reason = c.req.valid("json").reason?.trim() || null;
    await cordonWorker(db, id, { reason, by: personOf(c).identityId });
    bus.nudge(NUDGE.fleet, {});
    return c.json(await workerById(c, id));
  },
);

workers.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/workers/{id}/uncordon",
    tags,
    summary: "Let work in again",
    request: { params: idParam },
    responses: { 200: json(Worker, "The worker") },
  }),
  async (c) => {
    const { db, bus } = c.var.deps;
    const { id } = c.req.valid("param");
    await workerById(c, id);
    allow(c, "workers", "manage");
    await uncordonWorker(db, id);
    bus.nudge(NUDGE.fleet, {});
    return c.json(await workerById(c, id));
  },
);

async function workerById(
  c: Context<ApiEnv>,
  id: number,
): Promise<z.infer<typeof Worker>> {
  const [row] = await listWorkers(c.var.deps.db, { id }, STALE_MS, {
    limit: 1,
    offset: 0,
  });
  if (row === undefined) {
    throw new ApiError("NOT_FOUND", `Worker ${id} not found`);
  }
  return toWorker(row);
}

function toWorker(
  { capabilities, running, canceling, ...row }: WorkerRow,
): z.infer<typeof Worker> {
  const total_active = running + canceling;
  const executions = whole(capabilities.max_concurrent_executions);
  const sensors = whole(capabilities.max_concurrent_sensors);
  const sensorsRunning = whole(capabilities.sensor_processes_running);
  const health = capabilities.health as { queue_depth?: unknown } | undefined;
  return {
    ...row,
    supported_runtimes: (capabilities.runtimes ?? []).toSorted().map((
      name,
    ) => ({
      name,
      versions: capabilities.runtime_versions?.[name] ?? [],
    })),
    load: {
      requested: 0,
      scheduling: 0,
      scheduled: 0,
      running,
      canceling,
      total_active,
      max_concurrent_executions: executions,
      max_concurrent_sensors: sensors,
      utilization_percent: row.worker_role === "sensor"
        ? percent(sensorsRunning, sensors)
        : percent(total_active, executions),
      queue_depth: whole(health?.queue_depth),
      sensor_processes_running: sensorsRunning,
      sensor_processes_monitored: whole(
        capabilities.sensor_processes_monitored,
      ),
      active_rules: whole(capabilities.active_rules),
    },
    isolation: capabilities.isolation ?? null,
  };
}

function percent(used: number | null, of: number | null): number | null {
  return used === null || !of ? null : Math.round(used / of * 100);
}

/** Agents write the document these come from. */
function whole(value: unknown): number | null {
  return typeof value === "number" && Number.isInteger(value) ? value : null;
}
