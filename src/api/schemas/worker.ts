import { z } from "@hono/zod-openapi";
import { Id, IsolationShape, optional, times, Timestamp } from "./common.ts";

export const WORKER_STATUSES = ["active", "inactive", "busy", "error"] as const;
export const HEALTH_STATES = [
  "active",
  "busy",
  "cordoned",
  "inactive",
  "offline",
  "error",
] as const;

export const Worker = z.object({
  id: Id,
  name: z.string(),
  worker_type: z.enum(["local", "remote", "container"]),
  worker_role: z.enum(["action", "sensor"]),
  host: z.string().nullable(),
  port: z.int().nullable(),
  status: z.enum(WORKER_STATUSES).nullable(),
  last_heartbeat: Timestamp.nullable(),
  heartbeat_age_seconds: z.int().nullable(),
  heartbeat_stale: z.boolean(),
  cordoned: z.boolean(),
  cordon_reason: z.string().nullable(),
  cordoned_by: Id.nullable(),
  cordoned_at: Timestamp.nullable(),
  health_state: z.enum(HEALTH_STATES),
  supported_runtimes: z.array(z.object({
    name: z.string(),
    versions: z.array(z.string()),
  })),
  load: z.object({
    requested: z.int(),
    scheduling: z.int(),
    scheduled: z.int(),
    running: z.int(),
    canceling: z.int(),
    total_active: z.int(),
    max_concurrent_executions: z.int().nullable(),
    max_concurrent_sensors: z.int().nullable(),
    utilization_percent: z.int().nullable(),
    queue_depth: z.int().nullable(),
    sensor_processes_running: z.int().nullable(),
    sensor_processes_monitored: z.int().nullable(),
    active_rules: z.int().nullable(),
  }),
  isolation: IsolationShape.nullable(),
  ...times,
}).openapi("Worker");

export const CordonRequest = z.object({ reason: optional(z.string()) })
  .openapi("CordonRequest");
