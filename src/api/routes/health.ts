import { z } from "@hono/zod-openapi";
import { isDatabaseUp } from "../../db/health.ts";
import { endpoint, json, makeRouter } from "../router.ts";

export const health = makeRouter();

const Health = z.object({
  status: z.enum(["ok", "starting", "error"]),
  error: z.string().optional(),
}).openapi("Health");

const HealthDetailed = Health.extend({
  version: z.string().optional(),
  database: z.enum(["connected", "disconnected"]),
}).openapi("HealthDetailed");

const tags = ["health"];
const security: [] = [];

health.openapi(
  endpoint({
    method: "get",
    path: "/health",
    tags,
    security,
    summary: "Can executions run?",
    responses: {
      200: json(Health, "Executions can run"),
      503: json(
        Health,
        "Not yet, or not any more; `error` says what is missing",
      ),
    },
  }),
  async (c) => {
    const { db, settings } = c.var.deps;
    if (!await isDatabaseUp(db)) {
      const error = "The database does not answer";
      return c.json({ status: "error", error }, 503);
    }
    const missing = await settings.notReady();
    return missing === null
      ? c.json({ status: "ok" }, 200)
      : c.json({ status: "starting", error: missing }, 503);
  },
);

health.openapi(
  endpoint({
    method: "get",
    path: "/health/detailed",
    tags,
    security,
    summary: "Version and database",
    responses: {
      200: json(HealthDetailed, "The database answers"),
      503: json(HealthDetailed, "The database does not answer"),
    },
  }),
  async (c) => {
    const { db, settings } = c.var.deps;
    if (await isDatabaseUp(db)) {
      const { version } = settings;
      return c.json({ status: "ok", version, database: "connected" }, 200);
    }
    return c.json({
      status: "error",
      database: "disconnected",
      error: "The database does not answer",
    }, 503);
  },
);

health.openapi(
  endpoint({
    method: "get",
    path: "/health/ready",
    tags,
    security,
    summary: "Does the database answer?",
    responses: {
      200: { description: "Yes" },
      503: { description: "No" },
    },
  }),
  async (c) => c.body(null, await isDatabaseUp(c.var.deps.db) ? 200 : 503),
);

health.openapi(
  endpoint({
    method: "get",
    path: "/health/live",
    tags,
    security,
    summary: "Does the process answer?",
    responses: { 200: { description: "Yes" } },
  }),
  (c) => c.body(null, 200),
);
