import type { RetentionPolicy } from "../domain/pack.ts";
import { constraint } from "./constraint_fields.ts";
import { componentFields, examplesField } from "./component_fields.ts";
import { mapOf } from "./collections.ts";
import { given, optional, type Reader, record } from "./fields.ts";
import { permissions } from "./permissions_field.ts";
import { relativePath } from "./path_fields.ts";
import { placementFields } from "./placement_fields.ts";
import { number, oneOf, text } from "./scalars.ts";
import { schema } from "./schema_field.ts";

const amount = number({ over: 0 });
const count = number({ least: 1, integer: true });

const limits = record({
  memory_mb: optional(amount, undefined),
  cpu_seconds: optional(amount, undefined),
  open_files: optional(count, undefined),
  processes: optional(count, undefined),
  output_mb: optional(amount, undefined),
});

/** packs.md 2.4; what is absent is the agent's default. */
const resources = (...[value, at]: Parameters<typeof limits>) => {
  const read = limits(value, at);
  return read && given(read);
};

const policy = oneOf(["versions", "days", "hours", "minutes"]);

/** What actions and sensors share, before the runtime is chosen. */
export function runnableFields(
  ref: Reader<string>,
  logs: { policy: RetentionPolicy; limit: number },
) {
  return {
    ...componentFields(ref),
    examples: examplesField,
    runner_type: optional(text, null),
    entry_point: optional(relativePath, "", { aliases: ["entrypoint"] }),
    runtime_version: optional(constraint, null),
    required_worker_runtimes: optional(mapOf(constraint), {}),
    parameters: optional(schema, {}),
    resources: optional(resources, {}),
    permissions: optional(permissions, {}),
    ...placementFields,
    log_retention_policy: optional(policy, logs.policy),
    log_retention_limit: optional(count, logs.limit),
    artifact_retention_policy: optional(policy, null),
    artifact_retention_limit: optional(count, null),
  };
}
