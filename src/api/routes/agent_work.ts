import { Buffer } from "node:buffer";
import { z } from "@hono/zod-openapi";
import { claimExecutions } from "../../db/claim.ts";
import { appendLogs, type LogPiece } from "../../db/execution_log.ts";
import { setPreparing } from "../../db/lease.ts";
import { findHeld } from "../../db/lease_check.ts";
import type {
  ClaimAnswer,
  LogAnswer,
  LogChunk,
  OutcomeReport,
} from "../../domain/agent_protocol.ts";
import { NUDGE, QUEUE } from "../../domain/changes.ts";
import { workerOf } from "../auth/authenticate.ts";
import { toClaimedItem } from "../execution_spec.ts";
import { ApiError } from "../errors.ts";
import { body, endpoint, json, makeRouter } from "../router.ts";
import { Claim, Logs, Outcomes, Phase } from "../schemas/agent.ts";
import { sealResult } from "../secrets.ts";

export const agentWork = makeRouter();

const tags = ["agent"];

agentWork.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/agent/claim",
    tags,
    summary: "Take attempts; the answer has all they need",
    request: { body: body(Claim) },
    responses: { 200: json(z.looseObject({}), "What is the agent's now") },
  }),
  async (c) => {
    const { db, bus, settings } = c.var.deps;
    const { items } = c.req.valid("json");
    const { claimed, changes } = await claimExecutions(db, workerOf(c), items);
    if (changes.length > 0) bus.nudge(NUDGE.changed, { changes });
    const taken = await Promise.all(
      claimed.map((row) => toClaimedItem(row, settings)),
    );
    const byId = new Map(taken.map((item) => [item.id, item]));
    const answer: ClaimAnswer = {
      items: items.map(({ id, attempt }) => {
        const item = byId.get(id);
        return item?.attempt === attempt ? item : { id, attempt };
      }),
    };
    return c.json(answer, 200);
  },
);

agentWork.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/agent/phase",
    tags,
    summary: "Begin or end the preparation of an attempt",
    request: { body: body(Phase) },
    responses: {
      200: json(z.object({ held: z.boolean() }), "May the process be started?"),
    },
  }),
  async (c) => {
    const { phase, ...held } = c.req.valid("json");
    const { db } = c.var.deps;
    const preparing = phase === "preparing";
    const isHeld = await setPreparing(db, workerOf(c), held, preparing);
    return c.json({ held: isHeld }, 200);
  },
);

agentWork.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/agent/logs",
    tags,
    summary: "Pieces of what actions print",
    request: { body: body(Logs) },
    responses: { 200: json(z.looseObject({}), "What was not stored, and why") },
  }),
  async (c) => {
    const { db, bus } = c.var.deps;
    const { chunks } = c.req.valid("json");
    const streams = await appendLogs(db, {
      worker: workerOf(c),
      pieces: chunks.map(toPiece),
      leases: new Map(chunks.map((k) => [`${k.id}.${k.attempt}`, k.lease])),
    });
    const grown = new Set(
      streams.filter(({ held, gap }) => held && gap === null)
        .map(({ execution }) => execution),
    );
    for (const id of grown) bus.nudge(NUDGE.log, { id });
    const refused = new Map(
      streams.filter(({ held }) => !held).map(({ execution: id, attempt }) => [
        `${id}.${attempt}`,
        { id, attempt },
      ]),
    );
    const answer: LogAnswer = {
      refused: [...refused.values()],
      gaps: streams.flatMap(({ held, gap, execution: id, attempt, stream }) =>
        held && gap !== null ? [{ id, attempt, stream, expected: gap }] : []
      ),
    };
    return c.json(answer, 200);
  },
);

agentWork.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/agent/outcomes",
    tags,
    summary: "How attempts ended, where the bus cannot carry it",
    request: { body: body(Outcomes) },
    responses: {
      200: json(z.looseObject({}), "Queued, but for those refused"),
    },
  }),
  async (c) => {
    const { db, bus, settings } = c.var.deps;
    const worker = workerOf(c);
    const { outcomes } = c.req.valid("json");
    const held = new Map(
      (await findHeld(db, worker, outcomes)).map((row) => [row.id, row]),
    );
    const isHeld = ({ id, attempt }: OutcomeReport) =>
      held.get(id)?.attempt === attempt;
    const accepted = outcomes.filter(isHeld).map((outcome) => ({
      ...outcome,
      worker_id: worker,
      result: sealResult(
        outcome.result,
        held.get(outcome.id)!.out_schema,
        settings.encryptionKey,
      ),
    }));
    if (accepted.length > 0) {
      await bus.send(
        QUEUE.outcome,
        accepted.map((outcome) => ({
          // As agents name it on the bus: the same report both ways is one.
          id: `${outcome.id}.${outcome.attempt}.${outcome.lease}`,
          body: outcome,
        })),
      );
    }
    const refused = outcomes.filter((outcome) => !isHeld(outcome))
      .map(({ id, attempt }) => ({ id, attempt }));
    return c.json({ refused }, 200);
  },
);

function toPiece(chunk: LogChunk): LogPiece {
  const data = Buffer.from(chunk.data, "base64");
  // What is not base64 is skipped by the decoder: the length tells.
  const padding = /={0,2}$/.exec(chunk.data)![0].length;
  if (data.length !== chunk.data.length / 4 * 3 - padding) {
    throw new ApiError(
      "VALIDATION_ERROR",
      `The data of stream ${chunk.stream} of execution ${chunk.id} at offset ${chunk.offset} is not base64`,
    );
  }
  return { ...chunk, execution: chunk.id, data };
}
