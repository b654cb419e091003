import type { JsonObject } from "../domain/json.ts";
import { freeMap, listOf, mapOf } from "./collections.ts";
import { packDependency, runtimeDependency } from "./constraint_fields.ts";
import {
  type FieldOptions,
  given,
  optional,
  type Reader,
  record,
  required,
} from "./fields.ts";
import { relativePath } from "./path_fields.ts";
import { packRefField } from "./ref_fields.ts";
import { bool, number, oneOf, text, versionText } from "./scalars.ts";
import { schema } from "./schema_field.ts";

const testingFields = record({
  enabled: optional(bool, undefined),
  discovery: optional(
    record({
      method: optional(text, undefined),
      path: optional(relativePath, undefined),
    }),
    undefined,
  ),
  runners: optional(
    mapOf(record({
      type: optional(oneOf(["script", "unittest", "pytest"]), undefined),
      entry_point: optional(relativePath, undefined),
      timeout: optional(number({ over: 0 }), undefined),
      result_format: optional(oneOf(["simple", "json"]), undefined),
    })),
    undefined,
  ),
  result_path: optional(relativePath, undefined),
  min_pass_rate: optional(number({ least: 0, most: 1 }), undefined),
  on_failure: optional(oneOf(["block", "warn"]), undefined),
});

const testing: Reader<JsonObject> = (value, at) => {
  const read = testingFields(value, at);
  if (read === undefined) return;
  const { discovery, runners, ...rest } = given(read);
  return {
    ...rest,
    ...(discovery && { discovery: given(discovery) }),
    ...(runners && {
      runners: Object.fromEntries(
        Object.entries(runners).map(([name, runner]) => [name, given(runner)]),
      ),
    }),
  } as JsonObject;
};

const version: Reader<string> = (value, at) => {
  const written = versionText(value, at)?.trim();
  return written === "" ? at.error("must not be empty") : written;
};

const both = (alias: string): FieldOptions => ({ aliases: [alias] });

/** Kept in `meta` under their own names. */
const META_KEYS = [
  "license",
  "homepage",
  "repository_url",
  "documentation_url",
  "icon",
] as const;

/** `pack.yaml` (packs.md 1.4). */
export const packFields = {
  ref: required(packRefField),
  version: required(version),
  label: optional(text, null, { aliases: ["name"], quiet: true }),
  description: optional(text, null),
  author: optional(text, null),
  email: optional(text, null),
  enabled: optional(bool, undefined),
  system: optional(bool, false, both("is_standard")),
  conf_schema: optional(schema, {}, both("config_schema")),
  config: optional(freeMap, {}),
  meta: optional(freeMap, {}, both("metadata")),
  tags: optional(listOf(text), [], both("keywords")),
  runtime_deps: optional(listOf(runtimeDependency), []),
  dependencies: optional(listOf(packDependency), []),
  // Version hints of the dependency report, which reads them from the file.
  python: optional(versionText, null),
  nodejs: optional(versionText, null),
  testing: optional(testing, null),
  license: optional(text, null),
  homepage: optional(text, null),
  repository_url: optional(text, null),
  documentation_url: optional(text, null),
  icon: optional(text, null),
};

/** `meta` with the free-standing keys that belong to it; what `meta` says itself wins. */
export function packMeta(
  read:
    & { meta: JsonObject }
    & Record<
      typeof META_KEYS[number],
      string | null
    >,
): JsonObject {
  const loose = META_KEYS.flatMap((key) =>
    read[key] === null ? [] : [[key, read[key]] as const]
  );
  return { ...Object.fromEntries(loose), ...read.meta };
}
