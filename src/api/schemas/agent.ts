import { z } from "@hono/zod-openapi";
import type {
  Capabilities,
  ClaimRequest,
  HeartbeatRequest,
  LogRequest,
  OutcomesRequest,
  PhaseReport,
  RegisterRequest,
} from "../../domain/agent_protocol.ts";
import { type ExecutionResult, REASONS } from "../../domain/execution.ts";
import type { Isolation } from "../../domain/isolation.ts";

/** What agents may send (domain/agent_protocol.ts), checked at the door. */
const id = z.int().min(1);
const attempt = z.int().min(1).max(2_147_483_647);
const held = { id, attempt, lease: z.guid() };

const Applied: z.ZodType<Isolation> = z.looseObject({
  level: z.enum(["none", "partial", "full"]),
  policy: z.enum(["off", "best_effort", "required"]).nullable(),
  layers: z.record(z.string(), z.unknown()),
  degraded: z.array(z.string()),
});

const AgentCapabilities: z.ZodType<Capabilities> = z.looseObject({
  runtimes: z.array(z.string()),
  runtime_versions: z.record(z.string(), z.array(z.string())),
  detected_interpreters: z.array(z.object({
    name: z.string(),
    path: z.string(),
    version: z.string().nullable(),
    source: z.enum(["probe", "hint", "builtin"]),
  })),
  labels: z.record(z.string(), z.string()),
  taints: z.array(z.object({
    key: z.string(),
    value: z.string().exactOptional(),
    effect: z.enum(["no_schedule", "prefer_no_schedule"]),
  })),
  max_concurrent_executions: z.int().min(0),
  max_concurrent_sensors: z.int().min(0),
  agent_mode: z.literal(true),
  agent_version: z.string(),
  isolation: Applied,
});

export const Register: z.ZodType<RegisterRequest> = z.object({
  instance_id: z.string().min(8).max(128),
  name: z.string().min(1).max(255),
  worker_type: z.enum(["local", "remote", "container"]),
  host: z.string().max(255),
  capabilities: AgentCapabilities,
  held: z.array(z.object(held)).exactOptional(),
}).openapi("AgentRegister", { type: "object" });

export const Heartbeat: z.ZodType<HeartbeatRequest> = z.object({
  free_slots: z.int().min(0).max(1_000_000),
  running: z.array(z.object(held)),
  unsettled: z.array(z.object(held)),
  capabilities: AgentCapabilities.exactOptional(),
  stopping: z.boolean().exactOptional(),
}).openapi("AgentHeartbeat", { type: "object" });

export const Claim: z.ZodType<ClaimRequest> = z.object({
  items: z.array(z.object({ id, attempt, lease: z.uuid() })).max(100),
}).openapi("AgentClaim", { type: "object" });

export const Phase: z.ZodType<PhaseReport> = z.object({
  ...held,
  phase: z.enum(["preparing", "started"]),
}).openapi("AgentPhase", { type: "object" });

const chunk = {
  stream: z.enum(["stdout", "stderr"]),
  offset: z.int().min(0),
  data: z.string(),
};

export const Logs: z.ZodType<LogRequest> = z.object({
  chunks: z.array(z.object({ ...held, ...chunk })),
}).openapi("AgentLogs", { type: "object" });

/** Stored and shown as it stands, but for what is secret. */
const Result = z.looseObject({
  succeeded: z.boolean(),
}) as unknown as z.ZodType<ExecutionResult>;

export const Outcomes: z.ZodType<OutcomesRequest> = z.object({
  outcomes: z.array(z.object({
    ...held,
    worker_id: id,
    status: z.enum(["completed", "failed", "cancelled"]),
    reason: z.enum(REASONS).nullable(),
    result: Result,
    isolation: Applied.nullable(),
    usage: z.object({
      cpu_ms: z.number().exactOptional(),
      max_rss_bytes: z.number().exactOptional(),
    }).nullable(),
    logs: z.array(z.object(chunk)),
  })).max(100),
}).openapi("AgentOutcomes", { type: "object" });
