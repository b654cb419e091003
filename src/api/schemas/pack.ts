import { z } from "@hono/zod-openapi";
import {
  description,
  Fields,
  Id,
  label,
  optional,
  patch,
  ref,
  Refs,
  times,
  withDefault,
} from "./common.ts";

const summary = {
  id: Id,
  ref: z.string(),
  label: z.string(),
  description: z.string().nullable(),
  version: z.string(),
  tags: Refs,
  is_standard: z.boolean(),
  ...times,
};

export const PackSummary = z.object(summary).openapi("PackSummary");

export const PackFields = {
  ...summary,
  conf_schema: Fields,
  config: Fields,
  meta: Fields,
  runtime_deps: Refs,
  dependencies: Refs,
};
export const Pack = z.object(PackFields).openapi("Pack");

const version = z.string().min(1).max(50);

export const CreatePackRequest = z.object({
  ref,
  label,
  version,
  description: optional(description),
  conf_schema: withDefault(Fields, {}),
  config: withDefault(Fields, {}),
  meta: withDefault(Fields, {}),
  tags: withDefault(Refs, []),
  runtime_deps: withDefault(Refs, []),
  dependencies: withDefault(Refs, []),
  is_standard: withDefault(z.boolean(), false),
}).openapi("CreatePackRequest");

export const UpdatePackRequest = z.object({
  label: optional(label),
  version: optional(version),
  description: patch(description),
  conf_schema: optional(Fields),
  config: optional(Fields),
  meta: optional(Fields),
  tags: optional(Refs),
  runtime_deps: optional(Refs),
  dependencies: optional(Refs),
  is_standard: optional(z.boolean()),
}).openapi("UpdatePackRequest");

export const RegisterPackRequest = z.object({
  path: z.string().min(1).openapi({
    description: "A directory that the server can read",
  }),
  skip_tests: withDefault(z.boolean(), false),
  force: withDefault(z.boolean(), false),
}).openapi("RegisterPackRequest");

const PackFault = z.object({
  file: z.string(),
  line: z.int(),
  key: z.string().nullable(),
  message: z.string(),
}).openapi("PackFault");

export const LoadReport = z.object({
  pack_ref: z.string(),
  version: z.string(),
  created: Refs,
  updated: Refs,
  removed: Refs,
  skipped: Refs,
  warnings: z.array(PackFault),
}).openapi("LoadReport");

const installed = {
  pack: Pack,
  test_result: z.null(),
  tests_skipped: z.boolean(),
  report: LoadReport,
};

export const InstalledPack = z.object(installed).openapi("InstalledPack");

export const RegisteredPack = z.object({ ...PackFields, ...installed })
  .openapi("RegisteredPack");
