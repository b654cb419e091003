import type { Context } from "hono";
import { z } from "@hono/zod-openapi";
import { findLogState } from "../../db/execution_list.ts";
import type { ExecutionChange } from "../../domain/changes.ts";
import { packOf } from "../../domain/ref.ts";
import { secretNames } from "../../domain/param_schema.ts";
import { allow } from "../auth/allow.ts";
import { personOf } from "../auth/authenticate.ts";
import type { ApiEnv } from "../env.ts";
import { ApiError } from "../errors.ts";
import { followLog } from "../log_follow.ts";
import { endpoint, makeRouter } from "../router.ts";
import { idParam, idQuery } from "../schemas/common.ts";
import { eventStream } from "../sse.ts";

export const executionStreams = makeRouter();

const tags = ["executions"];
const events = {
  description: "Server-Sent Events until one side ends it",
  content: { "text/event-stream": { schema: z.string() } },
};

executionStreams.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/executions/stream",
    tags,
    summary: "Follow changes of executions as they happen",
    request: { query: z.object({ execution_id: idQuery.optional() }) },
    responses: { 200: events },
  }),
  (c) => {
    const { live, log } = c.var.deps;
    const { execution_id: only } = c.req.valid("query");
    const caller = personOf(c);
    if (caller.kind === "execution" && only !== caller.executionId) {
      throw new ApiError(
        "FORBIDDEN",
        `The token of an execution may follow that execution only: ask with ?execution_id=${caller.executionId}`,
      );
    }
    return eventStream({ live, log }, (sink) =>
      new Promise((end) => {
        const wanted = ({ id }: ExecutionChange) =>
          only === undefined || id === only;
        const watch = live.onChange((changes) => {
          for (const change of changes) {
            if (!wanted(change)) continue;
            if (!sink.offer({ data: JSON.stringify(change) })) return stop();
          }
        });
        function stop() {
          watch[Symbol.dispose]();
          end();
        }
        sink.signal.addEventListener("abort", stop);
        if (sink.signal.aborted) stop();
      }));
  },
);

executionStreams.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/executions/{id}/logs/{stream}/stream",
    tags,
    summary: "Follow the output of an execution, from any byte on",
    request: {
      params: idParam.extend({
        stream: z.string().openapi({
          param: { name: "stream", in: "path" },
          enum: ["stdout", "stderr"],
        }),
      }),
      query: z.object({
        offset: idQuery.optional().openapi({
          type: "integer",
          description: "The last `id` that was seen; 0 begins at the start",
        }),
      }),
    },
    responses: { 200: events },
  }),
  async (c) => {
    const { id, stream } = c.req.valid("param");
    await mayRead(c, id);
    if (stream !== "stdout" && stream !== "stderr") {
      throw new ApiError(
        "BAD_REQUEST",
        `Unknown log stream "${stream}": it is stdout or stderr`,
      );
    }
    const offset = lastEventId(c) ?? c.req.valid("query").offset ?? 0;
    const { deps } = c.var;
    return eventStream(
      deps,
      (sink) => followLog(deps, { id, stream, offset }, sink),
    );
  },
);

/** 404 or 403 unless the caller may read the log of that execution. */
async function mayRead(c: Context<ApiEnv>, id: number): Promise<void> {
  const state = await findLogState(c.var.deps.db, id);
  if (state === undefined) {
    throw new ApiError("NOT_FOUND", `Execution ${id} not found`);
  }
  const caller = personOf(c);
  const { action_ref: ref } = state;
  const target = { ref, packRef: packOf(ref) };
  if (caller.kind === "execution") {
    if (caller.executionId !== id) {
      throw new ApiError(
        "FORBIDDEN",
        "The token of an execution may read the log of that execution only",
      );
    }
  } else allow(c, "executions", "read", target);
  // Its output may be the secret itself (packs.md 3.9).
  if (secretNames(state.out_schema).length > 0) {
    allow(c, "executions", "decrypt", target);
  }
}

/** Where an EventSource that reconnects by itself had come to. */
function lastEventId(c: Context<ApiEnv>): number | undefined {
  const id = c.req.header("last-event-id") ?? "";
  return /^\d{1,15}$/.test(id) ? Number(id) : undefined;
}
