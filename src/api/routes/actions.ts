import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import {
  type ActionFilter,
  type ActionRow,
  countActions,
  countFoundActions,
  findAction,
  listActions,
  searchActions,
} from "../../db/action_list.ts";
import {
  deleteAction,
  insertAction,
  updateAction,
} from "../../db/action_write.ts";
import { NUDGE } from "../../domain/changes.ts";
import { findPack } from "../../db/pack_list.ts";
import { executableBy } from "../action_access.ts";
import { checkConstraints, runtimeFor } from "../action_runtime.ts";
import { allow, permit } from "../auth/allow.ts";
import { personOf } from "../auth/authenticate.ts";
import { checkDelegation } from "../auth/delegation.ts";
import { list, single, Success, success } from "../envelope.ts";
import type { ApiEnv } from "../env.ts";
import { ApiError } from "../errors.ts";
import { packByRef } from "../find_pack.ts";
import { counted, pageQuery, toPage } from "../paginate.ts";
import { body, endpoint, json, makeRouter } from "../router.ts";
import { checkComponentRef } from "../rules.ts";
import {
  Action,
  ActionSearchHit,
  ActionSummary,
  CreateActionRequest,
  UpdateActionRequest,
} from "../schemas/action.ts";
import { flagQuery, patched, refParam } from "../schemas/common.ts";

export const actions = makeRouter();

const tags = ["actions"];
const one = json(single(Action), "The action");
const page = { 200: json(list(ActionSummary), "A page of them") };

actions.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/actions",
    tags,
    summary: "List actions by ref",
    request: {
      query: pageQuery.extend({
        executable_with_current_access: flagQuery.optional(),
        referencing_pack_ref: z.string().optional(),
      }),
    },
    responses: page,
  }),
  async (c) => {
    const query = c.req.valid("query");
    return await answerActions(c, query, {
      referencing_pack_ref: query.referencing_pack_ref,
      executable: query.executable_with_current_access
        ? await executableBy(c.var.deps.db, personOf(c))
        : undefined,
    });
  },
);

actions.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/actions",
    tags,
    summary: "Add an action",
    request: { body: body(CreateActionRequest) },
    responses: { 201: one },
  }, permit("actions", "create")),
  async (c) => {
    const { db, bus } = c.var.deps;
    const { ref, pack_ref, runtime, runtime_ref, ...given } = c.req.valid(
      "json",
    );
    checkComponentRef(ref);
    checkConstraints(given);
    const pack = await findPack(db, pack_ref);
    if (pack === undefined) {
      throw new ApiError("NOT_FOUND", `Pack '${pack_ref}' not found`);
    }
    await checkDelegation(
      db,
      c.var.caller,
      given.default_execution_permission_set_refs,
    );
    const data = await insertAction(db, {
      ...given,
      ref,
      pack: pack.id,
      pack_ref: pack.ref,
      description: given.description ?? null,
      runtime: await runtimeFor(db, given.entrypoint, { runtime, runtime_ref }),
      runtime_version_constraint: given.runtime_version_constraint ?? null,
      param_schema: given.param_schema ?? null,
      out_schema: given.out_schema ?? null,
      timeout_seconds: given.timeout_seconds ?? null,
      artifact_retention_policy: given.artifact_retention_policy ?? null,
      artifact_retention_limit: given.artifact_retention_limit ?? null,
      log_retention_policy: given.log_retention_policy ?? null,
      log_retention_limit: given.log_retention_limit ?? null,
    });
    if (data === undefined) {
      throw new ApiError("CONFLICT", `Action '${ref}' exists already`);
    }
    bus.nudge(NUDGE.fleet, {});
    return c.json({ data }, 201);
  },
);

actions.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/actions/search",
    tags,
    summary: "Search actions by words",
    request: {
      query: pageQuery.extend({
        q: z.string().optional().openapi({
          description: "Words that all must occur",
        }),
        packs: z.string().optional().openapi({
          description: "Pack refs, separated by commas",
        }),
      }),
    },
    responses: { 200: json(list(ActionSearchHit), "A page of them") },
  }),
  async (c) => {
    const { db } = c.var.deps;
    const query = c.req.valid("query");
    const page = toPage(query);
    const pack_refs = query.packs?.split(",").map((ref) => ref.trim())
      .filter((ref) => ref !== "");
    await Promise.all((pack_refs ?? []).map((ref) => packByRef(c, ref)));
    const search = {
      words: (query.q ?? "").split(/\s+/).filter((word) => word !== ""),
      pack_refs: pack_refs?.length ? pack_refs : undefined,
    };
    const [rows, total] = await Promise.all([
      searchActions(db, search, page),
      countFoundActions(db, search),
    ]);
    return c.json(counted(rows, total, page));
  },
);

actions.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/actions/{ref}",
    tags,
    summary: "One action",
    request: { params: refParam },
    responses: { 200: one },
  }),
  async (c) => c.json({ data: await actionByRef(c, c.req.valid("param").ref) }),
);

actions.openapi(
  endpoint({
    method: "put",
    path: "/api/v1/actions/{ref}",
    tags,
    summary: "Change an action",
    request: { params: refParam, body: body(UpdateActionRequest) },
    responses: { 200: one },
  }),
  async (c) => {
    const { db, bus } = c.var.deps;
    const { ref } = c.req.valid("param");
    const { runtime, runtime_ref, ...change } = c.req.valid("json");
    const action = await actionByRef(c, ref);
    allow(c, "actions", "update", { ref, packRef: action.pack_ref });
    const constraint = patched(change.runtime_version_constraint);
    checkConstraints({
      required_worker_runtimes: change.required_worker_runtimes,
      runtime_version_constraint: constraint,
    });
    await checkDelegation(
      db,
      c.var.caller,
      change.default_execution_permission_set_refs ?? [],
    );
    const data = await updateAction(db, ref, {
      ...change,
      runtime: runtime === undefined && runtime_ref === undefined
        ? undefined
        : await runtimeFor(db, action.entrypoint, { runtime, runtime_ref }),
      runtime_version_constraint: constraint,
      param_schema: patched(change.param_schema),
      out_schema: patched(change.out_schema),
      timeout_seconds: patched(change.timeout_seconds),
      artifact_retention_policy: patched(change.artifact_retention_policy),
      artifact_retention_limit: patched(change.artifact_retention_limit),
      log_retention_policy: patched(change.log_retention_policy),
      log_retention_limit: patched(change.log_retention_limit),
    });
    if (data === undefined) throw unknownAction(ref);
    bus.nudge(NUDGE.fleet, {});
    return c.json({ data });
  },
);

actions.openapi(
  endpoint({
    method: "delete",
    path: "/api/v1/actions/{ref}",
    tags,
    summary: "Remove an action",
    request: { params: refParam },
    responses: { 200: json(Success, "Removed") },
  }),
  async (c) => {
    const { db, bus } = c.var.deps;
    const { ref } = c.req.valid("param");
    const { pack_ref } = await actionByRef(c, ref);
    allow(c, "actions", "delete", { ref, packRef: pack_ref });
    if (!await deleteAction(db, ref)) throw unknownAction(ref);
    bus.nudge(NUDGE.fleet, {});
    return c.json(success(`Action '${ref}' deleted`));
  },
);

actions.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/actions/{ref}/queue-stats",
    tags,
    summary: "Queue of an action with a concurrency policy",
    request: { params: refParam },
    responses: { 404: { description: "No action has such a policy" } },
  }),
  async (c) => {
    const { ref } = await actionByRef(c, c.req.valid("param").ref);
    throw new ApiError(
      "NOT_FOUND",
      `No queue statistics for action '${ref}': it has no concurrency policy`,
    );
  },
);

actions.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/packs/{ref}/actions",
    tags: ["packs"],
    summary: "Actions of a pack",
    request: { params: refParam, query: pageQuery },
    responses: page,
  }),
  async (c) => {
    const pack = await packByRef(c, c.req.valid("param").ref);
    return await answerActions(c, c.req.valid("query"), { pack: pack.id });
  },
);

async function answerActions(
  c: Context<ApiEnv>,
  query: Parameters<typeof toPage>[0],
  filter: ActionFilter,
) {
  const { db } = c.var.deps;
  const page = toPage(query);
  const [rows, total] = await Promise.all([
    listActions(db, filter, page),
    countActions(db, filter),
  ]);
  return c.json(counted(rows, total, page));
}

async function actionByRef(
  c: Context<ApiEnv>,
  ref: string,
): Promise<ActionRow> {
  const action = await findAction(c.var.deps.db, ref);
  if (action === undefined) throw unknownAction(ref);
  return action;
}

function unknownAction(ref: string): ApiError {
  return new ApiError("NOT_FOUND", `Action '${ref}' not found`);
}
