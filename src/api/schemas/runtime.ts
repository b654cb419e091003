import { z } from "@hono/zod-openapi";
import {
  description,
  Fields,
  Id,
  optional,
  patch,
  ref,
  times,
  withDefault,
} from "./common.ts";

const summary = {
  id: Id,
  ref: z.string(),
  pack_ref: z.string().nullable(),
  description: z.string().nullable(),
  name: z.string(),
  ...times,
};

export const RuntimeSummary = z.object(summary).openapi("RuntimeSummary");

export const Runtime = z.object({
  ...summary,
  pack: Id.nullable(),
  distributions: Fields,
  installation: Fields.nullable(),
  execution_config: Fields,
}).openapi("Runtime");

const name = z.string().min(1).max(255);

export const CreateRuntimeRequest = z.object({
  ref,
  name,
  pack_ref: optional(z.string()),
  description: optional(description),
  distributions: withDefault(Fields, {}),
  installation: optional(Fields),
  execution_config: withDefault(Fields, {}),
}).openapi("CreateRuntimeRequest");

export const UpdateRuntimeRequest = z.object({
  name: optional(name),
  description: patch(description),
  distributions: optional(Fields),
  installation: patch(Fields),
  execution_config: optional(Fields),
}).openapi("UpdateRuntimeRequest");
