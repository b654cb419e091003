import type { Context } from "hono";
import { z } from "@hono/zod-openapi";
import { putFileVersion } from "../../db/artifact.ts";
import { findHeld, type HeldRow } from "../../db/lease_check.ts";
import {
  type ArtifactAnswer,
  type Held,
  HELD_HEADERS,
} from "../../domain/agent_protocol.ts";
import { secretNames } from "../../domain/param_schema.ts";
import { isIdent } from "../../domain/ref.ts";
import { receiveFile, versionPath } from "../artifact_file.ts";
import { workerOf } from "../auth/authenticate.ts";
import type { ApiEnv } from "../env.ts";
import { ApiError } from "../errors.ts";
import { fileKind } from "../file_kind.ts";
import { openPackArchive } from "../pack_archive.ts";
import { makeRouter } from "../router.ts";

/** Raw bytes in and out, between agents and the server only. */
export const agentFiles = makeRouter();

const MAX_FILE_BYTES = 50 * 1024 * 1024;
const MAX_RESULT_BYTES = 64 * 1024 * 1024;
const MAX_PATH = 512;

agentFiles.get("/api/v1/agent/packs/:ref/:hash", async (c) => {
  const { ref, hash } = c.req.param();
  const known = isIdent(ref) && /^[0-9a-f]{64}$/.test(hash);
  const { packsBaseDir } = c.var.deps.settings;
  const file = known
    ? await openPackArchive(packsBaseDir, { ref, hash })
    : undefined;
  if (file === undefined) {
    throw new ApiError(
      "NOT_FOUND",
      `This server has no pack "${ref}" whose content has the hash ${hash}: the pack was loaded anew or removed`,
    );
  }
  const { size } = await file.stat();
  return c.body(file.readable, 200, {
    "content-type": "application/gzip",
    "content-length": String(size),
  });
});

agentFiles.put(
  "/api/v1/agent/executions/:id/artifacts/:path{.+}",
  async (c) => {
    const path = c.req.param("path");
    checkPath(path);
    const { extension, ...kind } = fileKind(path);
    return c.json(
      await receive(c, {
        ...kind,
        extension,
        maxBytes: MAX_FILE_BYTES,
        name: path,
        refOf: ({ action_ref }) => `${action_ref}.${path.replaceAll("/", ".")}`,
      }),
      200,
    );
  },
);

agentFiles.post("/api/v1/agent/executions/:id/result", async (c) =>
  c.json(
    await receive(c, {
      type: "file_text",
      content_type: "application/json",
      extension: "json",
      maxBytes: MAX_RESULT_BYTES,
      name: "result",
      refOf: ({ action_ref, out_schema }) => {
        if (secretNames(out_schema).length === 0) return `${action_ref}.result`;
        throw new ApiError(
          "PAYLOAD_TOO_LARGE",
          `The result of action "${action_ref}" has secret fields, so it must be at most 512 KiB: secrets are not kept in files`,
        );
      },
    }),
    200,
  ));

interface Incoming {
  type: "file_text" | "file_binary" | "file_image" | "file_datatable";
  content_type: string;
  extension: string;
  maxBytes: number;
  name: string;
  refOf: (held: HeldRow) => string;
}

/** Stores the body as a version of an artifact; only for the holder of the attempt, at the start and at the end. */
async function receive(
  c: Context<ApiEnv>,
  { extension, maxBytes, refOf, ...kind }: Incoming,
): Promise<ArtifactAnswer> {
  const { db, settings } = c.var.deps;
  const { artifactsDir } = settings;
  const worker = workerOf(c);
  const held = heldOf(c);
  const [before] = await findHeld(db, worker, [held]);
  if (before === undefined) throw notHeld(held);
  const ref = refOf(before);
  await using file = await receiveFile(c.req.raw.body, {
    artifactsDir,
    maxBytes,
  });
  return await db.begin(async (sql) => {
    const [row] = await findHeld(sql, worker, [held], { lock: true });
    if (row === undefined) throw notHeld(held);
    const { version, file_path } = await putFileVersion(sql, {
      ...kind,
      ref,
      action_ref: row.action_ref,
      size_bytes: file.size,
      execution: row.id,
      retention_policy: row.artifact_retention_policy ?? "versions",
      retention_limit: row.artifact_retention_limit ?? 5,
      file_path: (number) => versionPath(ref, number, extension),
    });
    await file.moveTo(file_path);
    return { artifact_ref: ref, version };
  });
}

const HeldHeaders = z.object({
  id: z.coerce.number().int().min(1),
  attempt: z.coerce.number().int().min(1),
  lease: z.guid(),
});

function heldOf(c: Context<ApiEnv>): Held {
  const parsed = HeldHeaders.safeParse({
    id: c.req.param("id"),
    attempt: c.req.header(HELD_HEADERS.attempt),
    lease: c.req.header(HELD_HEADERS.lease),
  });
  if (parsed.success) return parsed.data;
  throw new ApiError(
    "BAD_REQUEST",
    `An upload needs an execution id in its path and the headers ${HELD_HEADERS.attempt} (a number) and ${HELD_HEADERS.lease} (the token of the lease)`,
  );
}

function notHeld({ id, attempt }: Held): ApiError {
  return new ApiError(
    "CONFLICT",
    `Attempt ${attempt} of execution ${id} is not this agent's: its lease ended or belongs to another`,
  );
}

/** The path is only a name here, but it is one that is shown and split: nothing odd may be in it. */
function checkPath(path: string): void {
  const odd = path.length > MAX_PATH ||
    // deno-lint-ignore no-control-regex -- control characters are what it looks for
    /[\0-\x1f\x7f\\]/.test(path) ||
    path.split("/").some((part) =>
      part === "" || part === "." || part === ".."
    );
  if (odd) {
    throw new ApiError(
      "BAD_REQUEST",
      `Invalid artifact path ${
        JSON.stringify(path)
      }: it must be relative to the artifacts directory, at most ${MAX_PATH} characters, without ".", "..", empty parts, backslashes or control characters`,
    );
  }
}
