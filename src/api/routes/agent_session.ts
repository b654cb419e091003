import { timingSafeEqual } from "node:crypto";
import { createHash } from "node:crypto";
import type { Context, Next } from "hono";
import { z } from "@hono/zod-openapi";
import { renewLeases } from "../../db/lease.ts";
import { expireLeasesOf } from "../../db/lost.ts";
import { listRuntimeDescriptors } from "../../db/runtime_descriptor.ts";
import {
  deactivateWorker,
  recordHeartbeat,
  registerWorker,
  type Registration,
} from "../../db/worker_register.ts";
import {
  HEARTBEAT_MS,
  type HeartbeatAnswer,
  type Held,
  LEASE_MS,
  type RegisterAnswer,
} from "../../domain/agent_protocol.ts";
import { NUDGE } from "../../domain/changes.ts";
import { readClaims, workerOf } from "../auth/authenticate.ts";
import { signWorkerToken } from "../auth/tokens.ts";
import type { ApiDeps, ApiEnv } from "../env.ts";
import { ApiError, TokenRefused } from "../errors.ts";
import { body, endpoint, json, makeRouter } from "../router.ts";
import { Heartbeat, Register } from "../schemas/agent.ts";

export const agentSession = makeRouter();

const tags = ["agent"];

agentSession.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/agent/register",
    tags,
    summary: "Make an agent known; the join token is the Bearer",
    request: { body: body(Register) },
    responses: { 200: json(z.looseObject({}), "How to go on") },
  }, requireJoinToken),
  async (c) => {
    const { deps } = c.var;
    const { db, log, settings } = deps;
    const request = c.req.valid("json");
    const { held = [], ...known } = request;
    const id = await register(deps, { ...known, silentMs: LEASE_MS }, held);
    log.info("agent registered", { worker: id, name: request.name });
    const answer: RegisterAnswer = {
      worker_id: id,
      token: await signWorkerToken(settings.jwtSecret, id),
      heartbeat_ms: HEARTBEAT_MS,
      lease_ms: LEASE_MS,
      bus: settings.agentBus,
      api_url: settings.publicUrl,
      runtimes: await listRuntimeDescriptors(db),
    };
    return c.json(answer, 200);
  },
);

agentSession.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/agent/heartbeat",
    tags,
    summary: "Say what runs; hear what should",
    request: { body: body(Heartbeat) },
    responses: { 200: json(z.looseObject({}), "What should be") },
  }),
  async (c) => {
    const { db, bus } = c.var.deps;
    const worker = workerOf(c);
    const { free_slots, running, unsettled, capabilities, stopping = false } = c
      .req.valid("json");
    const [beaten, leases] = await Promise.all([
      recordHeartbeat(db, {
        worker,
        free_slots,
        capabilities: capabilities ?? null,
        stopping,
        silentMs: LEASE_MS,
      }),
      renewLeases(db, worker, [...running, ...unsettled]),
    ]);
    if (beaten === undefined) throw unknownWorker(worker);
    if (beaten.changed) bus.nudge(NUDGE.fleet, {});
    const token = await renewedToken(c, worker);
    const answer: HeartbeatAnswer = {
      ...(token !== undefined && { token }),
      keys: stopping ? [] : beaten.keys,
      cancel: leases.cancel,
      gone: leases.gone,
    };
    return c.json(answer, 200);
  },
);

agentSession.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/agent/goodbye",
    tags,
    summary: "The agent stops now",
    responses: { 200: json(z.object({}), "Nothing more is given to it") },
  }),
  async (c) => {
    const { db, bus } = c.var.deps;
    await deactivateWorker(db, workerOf(c));
    bus.nudge(NUDGE.fleet, {});
    return c.json({}, 200);
  },
);

/** The worker's id. What its former process held, and it does not name, is lost in the same transaction. */
async function register(
  { db, bus }: ApiDeps,
  registration: Registration,
  held: readonly Held[],
): Promise<number> {
  const { id, moved } = await db.begin(async (sql) => {
    const registered = await registerWorker(sql, registration);
    if (!registered.ok) {
      const { id, host } = registered.heldBy;
      throw new ApiError(
        "CONFLICT",
        `The name "${registration.name}" is held by worker ${id}, which runs on ${
          host ?? "an unknown host"
        }: choose another with ATTUNE_AGENT_NAME, or stop that one and try again in ${
          LEASE_MS / 1000
        } s`,
      );
    }
    const moved = [];
    for (const worker of registered.replaced) {
      // deno-lint-ignore no-await-in-loop -- two at most, on one connection
      moved.push(await expireLeasesOf(sql, worker, held));
    }
    return { id: registered.id, moved };
  });
  const changes = moved.flatMap((one) => one.changes);
  if (changes.length > 0) bus.nudge(NUDGE.changed, { changes });
  const ids = moved.flatMap((one) => one.requested)
    .filter(({ inMs }) => inMs === 0).map((due) => due.id);
  if (ids.length > 0) bus.nudge(NUDGE.requested, { ids });
  bus.nudge(NUDGE.fleet, {});
  return id;
}

/** A new token when less than half of the old one's life is left. */
async function renewedToken(
  c: Context<ApiEnv>,
  worker: number,
): Promise<string | undefined> {
  const { exp, iat } = await readClaims(c);
  const left = exp - Date.now() / 1000;
  if (left > (exp - iat) / 2) return undefined;
  return await signWorkerToken(c.var.deps.settings.jwtSecret, worker);
}

function unknownWorker(worker: number): TokenRefused {
  return new TokenRefused(
    `Worker ${worker} is not known any more: register again`,
  );
}

function requireJoinToken(c: Context<ApiEnv>, next: Next) {
  const { joinToken } = c.var.deps.settings;
  if (joinToken === null) {
    throw new TokenRefused(
      "No agent can join as the server has no join token: set ATTUNE__SECURITY__AGENT_JOIN_TOKEN there and restart it",
    );
  }
  const given = /^Bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "");
  if (given === null || !sameText(given[1]!, joinToken)) {
    throw new TokenRefused(
      "The join token is missing or wrong: give the agent the server's ATTUNE__SECURITY__AGENT_JOIN_TOKEN as ATTUNE_AGENT_TOKEN",
    );
  }
  return next();
}

/** Takes the same time however much of the text is right. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
