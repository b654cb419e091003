import { z } from "@hono/zod-openapi";
import { Fields, Id, idQuery, times, Timestamp } from "./common.ts";

export const ArtifactType = z.enum([
  "file_text",
  "file_binary",
  "file_image",
  "file_datatable",
  "progress",
  "url",
  "other",
]);
export const Scope = z.enum(["system", "identity", "pack", "action", "sensor"]);
export const Visibility = z.enum(["public", "private"]);

const summary = {
  id: Id,
  ref: z.string(),
  type: ArtifactType,
  visibility: Visibility,
  name: z.string().nullable(),
  content_type: z.string().nullable(),
  size_bytes: z.int().nullable(),
  scope: Scope,
  owner: z.string(),
  ...times,
};

export const ArtifactSummary = z.object(summary).openapi("ArtifactSummary");

export const Artifact = z.object({
  ...summary,
  retention_policy: z.string(),
  retention_limit: z.int(),
  description: z.string().nullable(),
  data: z.unknown().nonoptional(),
}).openapi("Artifact");

const versionSummary = {
  id: Id,
  version: z.int(),
  execution: Id.nullable(),
  content_type: z.string().nullable(),
  size_bytes: z.int().nullable(),
  file_path: z.string().nullable(),
  created_by: z.string().nullable(),
  created: Timestamp,
};

export const VersionSummary = z.object(versionSummary).openapi(
  "ArtifactVersionSummary",
);

export const Version = z.object({
  ...versionSummary,
  artifact: Id,
  content_json: z.unknown().nonoptional(),
  meta: Fields.nullable(),
}).openapi("ArtifactVersion");

export const artifactFilter = z.object({
  scope: Scope.optional(),
  owner: z.string().optional(),
  type: ArtifactType.optional(),
  visibility: Visibility.optional(),
  execution: idQuery.optional(),
  name: z.string().optional(),
});
