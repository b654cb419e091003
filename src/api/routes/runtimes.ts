import type { Context } from "hono";
import { findPack } from "../../db/pack_list.ts";
import {
  countRuntimes,
  deleteRuntime,
  findRuntime,
  insertRuntime,
  listRuntimes,
  type RuntimeRow,
  updateRuntime,
} from "../../db/runtime_list.ts";
import { NUDGE } from "../../domain/changes.ts";
import { allow, permit } from "../auth/allow.ts";
import { list, single, Success, success } from "../envelope.ts";
import type { ApiEnv } from "../env.ts";
import { ApiError } from "../errors.ts";
import { counted, pageQuery, toPage } from "../paginate.ts";
import { body, endpoint, json, makeRouter } from "../router.ts";
import { checkRuntimeRef } from "../rules.ts";
import { patched, refParam } from "../schemas/common.ts";
import {
  CreateRuntimeRequest,
  Runtime,
  RuntimeSummary,
  UpdateRuntimeRequest,
} from "../schemas/runtime.ts";

export const runtimes = makeRouter();

const tags = ["runtimes"];
const one = json(single(Runtime), "The runtime");

runtimes.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/runtimes",
    tags,
    summary: "List runtimes by ref",
    request: { query: pageQuery },
    responses: { 200: json(list(RuntimeSummary), "A page of them") },
  }, permit("runtimes", "read")),
  (c) => answerRuntimes(c, c.req.valid("query"), undefined),
);

runtimes.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/runtimes",
    tags,
    summary: "Add a runtime",
    request: { body: body(CreateRuntimeRequest) },
    responses: { 201: one },
  }, permit("runtimes", "create")),
  async (c) => {
    const { db, bus } = c.var.deps;
    const { pack_ref, ...given } = c.req.valid("json");
    checkRuntimeRef(given.ref);
    const pack = pack_ref === undefined ? null : await findPack(db, pack_ref);
    if (pack === undefined) {
      throw new ApiError("NOT_FOUND", `Pack '${pack_ref}' not found`);
    }
    const runtime = await insertRuntime(db, {
      ref: given.ref,
      name: given.name,
      description: given.description ?? null,
      distributions: given.distributions,
      installation: given.installation ?? null,
      execution_config: given.execution_config,
      pack: pack?.id ?? null,
      pack_ref: pack?.ref ?? null,
    });
    if (runtime === undefined) {
      throw new ApiError("CONFLICT", `Runtime '${given.ref}' exists already`);
    }
    bus.nudge(NUDGE.fleet, {});
    return c.json({ data: runtime }, 201);
  },
);

runtimes.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/runtimes/{ref}",
    tags,
    summary: "One runtime",
    request: { params: refParam },
    responses: { 200: one },
  }),
  async (c) => {
    const data = await runtimeByRef(c, c.req.valid("param").ref, "read");
    return c.json({ data });
  },
);

runtimes.openapi(
  endpoint({
    method: "put",
    path: "/api/v1/runtimes/{ref}",
    tags,
    summary: "Change a runtime",
    request: { params: refParam, body: body(UpdateRuntimeRequest) },
    responses: { 200: one },
  }),
  async (c) => {
    const { db, bus } = c.var.deps;
    const { ref } = c.req.valid("param");
    const change = c.req.valid("json");
    await runtimeByRef(c, ref, "update");
    const data = await updateRuntime(db, ref, {
      name: change.name,
      description: patched(change.description),
      distributions: change.distributions,
      installation: patched(change.installation),
      execution_config: change.execution_config,
    });
    if (data === undefined) throw unknownRuntime(ref);
    bus.nudge(NUDGE.fleet, {});
    return c.json({ data });
  },
);

runtimes.openapi(
  endpoint({
    method: "delete",
    path: "/api/v1/runtimes/{ref}",
    tags,
    summary: "Remove a runtime",
    request: { params: refParam },
    responses: { 200: json(Success, "Removed") },
  }),
  async (c) => {
    const { db, bus } = c.var.deps;
    const { ref } = c.req.valid("param");
    await runtimeByRef(c, ref, "delete");
    if (!await deleteRuntime(db, ref)) throw unknownRuntime(ref);
    bus.nudge(NUDGE.fleet, {});
    return c.json(success(`Runtime '${ref}' deleted`));
  },
);

runtimes.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/packs/{ref}/runtimes",
    tags: ["packs"],
    summary: "Runtimes of a pack",
    request: { params: refParam, query: pageQuery },
    responses: { 200: json(list(RuntimeSummary), "A page of them") },
  }),
  async (c) => {
    const { db } = c.var.deps;
    const { ref } = c.req.valid("param");
    if (await findPack(db, ref) === undefined) {
      throw new ApiError("NOT_FOUND", `Pack '${ref}' not found`);
    }
    allow(c, "runtimes", "read");
    return await answerRuntimes(c, c.req.valid("query"), ref);
  },
);

async function answerRuntimes(
  c: Context<ApiEnv>,
  query: Parameters<typeof toPage>[0],
  packRef: string | undefined,
) {
  const { db } = c.var.deps;
  const page = toPage(query);
  const [rows, total] = await Promise.all([
    listRuntimes(db, packRef, page),
    countRuntimes(db, packRef),
  ]);
  return c.json(counted(rows, total, page));
}

async function runtimeByRef(
  c: Context<ApiEnv>,
  ref: string,
  action: "read" | "update" | "delete",
): Promise<RuntimeRow> {
  const runtime = await findRuntime(c.var.deps.db, ref);
  if (runtime === undefined) throw unknownRuntime(ref);
  allow(c, "runtimes", action);
  return runtime;
}

function unknownRuntime(ref: string): ApiError {
  return new ApiError("NOT_FOUND", `Runtime '${ref}' not found`);
}
