import type { Context } from "hono";
import { z } from "@hono/zod-openapi";
import {
  type ArtifactReader,
  type ArtifactRow,
  countArtifacts,
  findArtifact,
  findVersion,
  listArtifacts,
  listVersions,
  type VersionRow,
} from "../../db/artifact.ts";
import { findLogState } from "../../db/execution_list.ts";
import { secretNames } from "../../domain/param_schema.ts";
import { openContent } from "../artifact_content.ts";
import { allow, allows } from "../auth/allow.ts";
import { personOf } from "../auth/authenticate.ts";
import { arrayInData, list, single } from "../envelope.ts";
import type { ApiEnv } from "../env.ts";
import { ApiError } from "../errors.ts";
import { extensionFor, extensionOf } from "../file_kind.ts";
import { counted, perPageQuery, toPage } from "../paginate.ts";
import { endpoint, json, makeRouter } from "../router.ts";
import {
  Artifact,
  artifactFilter,
  ArtifactSummary,
  Version,
  VersionSummary,
} from "../schemas/artifact.ts";
import { idParam, refParam } from "../schemas/common.ts";

export const artifacts = makeRouter();

const tags = ["artifacts"];
const bytes = {
  description: "The bytes",
  content: { "application/octet-stream": { schema: z.string() } },
};
const versionParam = idParam.extend({
  version: z.string().regex(/^(latest|\d{1,9})$/, "must be a number or latest")
    .transform((text) => text === "latest" ? "latest" : Number(text))
    .openapi({ param: { name: "version", in: "path" }, type: "string" }),
});

artifacts.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/artifacts",
    tags,
    summary: "List artifacts, newest first",
    request: { query: artifactFilter.extend(perPageQuery.shape) },
    responses: { 200: json(list(ArtifactSummary), "A page of them") },
  }),
  async (c) => {
    const { db } = c.var.deps;
    const { page: _p, per_page: _s, ...filter } = c.req.valid("query");
    const page = toPage(c.req.valid("query"), { fallback: 20, max: 100 });
    const reader = readerOf(c);
    const [rows, total] = await Promise.all([
      listArtifacts(db, { reader, filter, ...page }),
      countArtifacts(db, { reader, filter }),
    ]);
    return c.json(counted(rows, total, page), 200);
  },
);

artifacts.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/executions/{id}/artifacts",
    tags,
    summary: "Artifacts that have a version of this execution",
    request: { params: idParam },
    responses: { 200: json(arrayInData(ArtifactSummary), "All of them") },
  }),
  async (c) => {
    const { db } = c.var.deps;
    const execution = c.req.valid("param").id;
    if (await findLogState(db, execution) === undefined) {
      throw new ApiError("NOT_FOUND", `Execution ${execution} not found`);
    }
    const data = await listArtifacts(db, {
      reader: readerOf(c),
      filter: { execution },
      limit: 1000,
      offset: 0,
    });
    return c.json({ data }, 200);
  },
);

artifacts.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/artifacts/ref/{ref}",
    tags,
    summary: "One artifact, by its ref",
    request: { params: refParam },
    responses: { 200: json(single(Artifact), "It") },
  }),
  async (c) =>
    c.json({ data: await existing(c, { ref: c.req.valid("param").ref }) }, 200),
);

artifacts.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/artifacts/{id}",
    tags,
    summary: "One artifact",
    request: { params: idParam },
    responses: { 200: json(single(Artifact), "It") },
  }),
  async (c) =>
    c.json({ data: await existing(c, { id: c.req.valid("param").id }) }, 200),
);

artifacts.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/artifacts/{id}/versions",
    tags,
    summary: "Versions of an artifact, highest first",
    request: { params: idParam },
    responses: { 200: json(arrayInData(VersionSummary), "All of them") },
  }),
  async (c) => {
    const { id } = await existing(c, { id: c.req.valid("param").id });
    return c.json({ data: await listVersions(c.var.deps.db, id) }, 200);
  },
);

artifacts.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/artifacts/{id}/versions/{version}",
    tags,
    summary: "One version, or the latest",
    request: { params: versionParam },
    responses: { 200: json(single(Version), "It") },
  }),
  async (c) => {
    const { id, version } = c.req.valid("param");
    const artifact = await existing(c, { id });
    const { log_stream: _s, ...data } = await existingVersion(
      c,
      artifact,
      version,
    );
    return c.json({ data }, 200);
  },
);

artifacts.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/artifacts/{id}/download",
    tags,
    summary: "The bytes of the latest version",
    request: { params: idParam },
    responses: { 200: bytes },
  }),
  (c) => download(c, c.req.valid("param").id, "latest"),
);

artifacts.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/artifacts/{id}/versions/{version}/download",
    tags,
    summary: "The bytes of one version",
    request: { params: versionParam },
    responses: { 200: bytes },
  }),
  (c) => {
    const { id, version } = c.req.valid("param");
    return download(c, id, version);
  },
);

async function download(
  c: Context<ApiEnv>,
  id: number,
  number: number | "latest",
): Promise<Response> {
  const artifact = await existing(c, { id });
  const version = await existingVersion(c, artifact, number);
  await checkSecretLog(c, version);
  const content = await openContent(c.var.deps, version);
  if (content === undefined) {
    throw new ApiError(
      "NOT_FOUND",
      `Version ${version.version} of artifact '${artifact.ref}' has no content any more`,
    );
  }
  const type = version.content_type ?? artifact.content_type;
  const extension = version.log_stream !== null
    ? "log"
    : extensionOf(version.file_path ?? "") ?? extensionFor(type);
  const name = `${artifact.ref.replaceAll(".", "_")}_v${version.version}`;
  return c.body(content.body, 200, {
    "content-type": type ?? "application/octet-stream",
    "content-disposition": `attachment; filename="${plain(name)}.${extension}"`,
    // A browser must not guess that an artifact is a page.
    "x-content-type-options": "nosniff",
    ...(content.size !== undefined &&
      { "content-length": String(content.size) }),
  });
}

/** What a header may hold between quotes. */
function plain(name: string): string {
  return name.replace(/[^A-Za-z0-9_. -]/g, "_");
}

/** The output of an action with secret fields may be the secret itself (packs.md 3.9). */
async function checkSecretLog(
  c: Context<ApiEnv>,
  { execution, log_stream }: VersionRow,
): Promise<void> {
  if (log_stream === null || execution === null) return;
  const state = await findLogState(c.var.deps.db, execution);
  if (secretNames(state?.out_schema ?? null).length > 0) {
    allow(c, "executions", "decrypt");
  }
}

/** The artifact, or 404 also when it is hidden. */
async function existing(
  c: Context<ApiEnv>,
  by: { id: number } | { ref: string },
): Promise<ArtifactRow> {
  const row = await findArtifact(c.var.deps.db, by, readerOf(c));
  if (row !== undefined) return row;
  const name = "id" in by ? by.id : `'${by.ref}'`;
  throw new ApiError("NOT_FOUND", `Artifact ${name} not found`);
}

async function existingVersion(
  c: Context<ApiEnv>,
  { id, ref }: ArtifactRow,
  number: number | "latest",
): Promise<VersionRow> {
  const version = await findVersion(c.var.deps.db, id, number);
  if (version !== undefined) return version;
  throw new ApiError(
    "NOT_FOUND",
    number === "latest"
      ? `Artifact '${ref}' has no version yet`
      : `Artifact '${ref}' has no version ${number}`,
  );
}

function readerOf(c: Context<ApiEnv>): ArtifactReader {
  const caller = personOf(c);
  return {
    identity: caller.identityId,
    artifacts: allows(caller, "artifacts", "read"),
    packs: allows(caller, "packs", "read"),
  };
}
