import { isAbsolute, join } from "node:path";
import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { ArchiveRefused } from "../../packs/archive_refused.ts";
import { ARCHIVE_LIMITS, extractArchive } from "../../packs/extract_archive.ts";
import { permit } from "../auth/allow.ts";
import { single } from "../envelope.ts";
import type { ApiEnv } from "../env.ts";
import { ApiError } from "../errors.ts";
import { packByRef } from "../find_pack.ts";
import { type Installed, installPack, installStaged } from "../install_pack.ts";
import { readParts, readText } from "../multipart.ts";
import { openStage } from "../pack_stage.ts";
import { body, endpoint, json, makeRouter } from "../router.ts";
import {
  InstalledPack,
  RegisteredPack,
  RegisterPackRequest,
} from "../schemas/pack.ts";
import { shownPack } from "./packs.ts";

export const packInstall = makeRouter();

const tags = ["packs"];
/** Room for the text fields and the boundaries. */
const FORM_LIMIT = ARCHIVE_LIMITS.archiveBytes + 1024 * 1024;

packInstall.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/packs/upload",
    tags,
    summary: "Install a pack from a tar.gz",
    request: {
      body: {
        required: true,
        content: {
          "multipart/form-data": {
            schema: {
              type: "object",
              required: ["pack"],
              properties: {
                pack: {
                  type: "string",
                  format: "binary",
                  description:
                    "gzip tar with pack.yaml at its root or in its one top directory",
                },
                force: { type: "string", enum: ["true", "false"] },
                skip_tests: { type: "string", enum: ["true", "false"] },
              },
            },
          },
        },
      },
    },
    responses: { 201: json(single(InstalledPack), "Installed") },
  }, permit("packs", "install")),
  async (c) => {
    const { deps } = c.var;
    await using stage = await openStage(deps.settings.packsBaseDir);
    const tree = join(stage.dir, "pack");
    const form = await receive(c, tree);
    const installed = await installStaged(deps, stage, tree, {
      force: form.force,
      source: "upload",
    });
    return c.json({ data: await answer(c, installed, form.skipTests) }, 201);
  },
);

packInstall.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/packs/register",
    tags,
    summary: "Install a pack from a directory of the server",
    request: { body: body(RegisterPackRequest) },
    responses: { 201: json(single(RegisteredPack), "Installed") },
  }, permit("packs", "install")),
  async (c) => {
    const { path, force, skip_tests } = c.req.valid("json");
    await checkDirectory(path);
    const installed = await installPack(c.var.deps, path, {
      force,
      source: "register",
    });
    const data = await answer(c, installed, skip_tests);
    return c.json({ data: { ...data.pack, ...data } }, 201);
  },
);

/** Unpacks the archive of an upload into `tree`, which is new, and reads the fields beside it. */
async function receive(
  c: Context<ApiEnv>,
  tree: string,
): Promise<{ force: boolean; skipTests: boolean }> {
  const fields = new Map<string, string>();
  let found = false;
  for await (const part of readParts(c.req.raw, { maxBytes: FORM_LIMIT })) {
    if (part.name !== "pack") {
      fields.set(part.name, (await readText(part)).trim().toLowerCase());
    } else if (found) {
      throw new ApiError(
        "BAD_REQUEST",
        'The form has more than one file "pack"',
      );
    } else {
      found = true;
      await extract(part.data, tree);
    }
  }
  if (!found) {
    throw new ApiError(
      "BAD_REQUEST",
      'The form has no file "pack": send the archive as field "pack", as in curl -F pack=@demo.tar.gz',
    );
  }
  return {
    force: fields.get("force") === "true",
    skipTests: fields.get("skip_tests") === "true",
  };
}

async function extract(data: AsyncIterable<Uint8Array>, tree: string) {
  try {
    await extractArchive(ReadableStream.from(data), tree);
  } catch (error) {
    if (!(error instanceof ArchiveRefused)) throw error;
    throw new ApiError("BAD_REQUEST", error.message);
  }
}

async function checkDirectory(path: string): Promise<void> {
  const info = isAbsolute(path)
    ? await Deno.stat(path).catch(() => undefined)
    : undefined;
  if (info?.isDirectory) return;
  throw new ApiError(
    "BAD_REQUEST",
    `Cannot register "${path}": it must be the absolute path of a directory that the server can read`,
  );
}

async function answer(
  c: Context<ApiEnv>,
  { report, hasTests }: Installed,
  skipTests: boolean,
): Promise<z.infer<typeof InstalledPack>> {
  const pack = shownPack(await packByRef(c, report.pack_ref));
  return {
    pack,
    test_result: null,
    tests_skipped: skipTests || hasTests,
    report,
  };
}
