import type { RetryPolicy } from "../domain/execution.ts";
import { listOf } from "./collections.ts";
import { given, optional, type Reader, record, required } from "./fields.ts";
import { relativePath } from "./path_fields.ts";
import { ownRef, permissionSetRef } from "./ref_fields.ts";
import { runnableFields } from "./runnable_fields.ts";
import { bool, number, oneOf } from "./scalars.ts";
import { schema } from "./schema_field.ts";

/** packs.md 2.3. */
const retry: Reader<RetryPolicy> = record({
  max_attempts: required(number({ least: 1, most: 100, integer: true })),
  delay: optional(number({ least: 0 }), 1),
  backoff: optional(oneOf(["constant", "exponential"]), "constant" as const),
  max_delay: optional(number({ least: 0 }), 300),
  on: optional<RetryPolicy["on"], RetryPolicy["on"]>(
    listOf(oneOf(["failed", "timed_out", "lost"])),
    ["failed", "timed_out"],
  ),
});

const wasmOptions = record({
  pooled: optional(bool, undefined),
  in_process: optional(bool, undefined),
});

/** `actions/*.yaml` (packs.md 2.1). */
export function actionFields(pack: string) {
  return {
    ...runnableFields(ownRef(pack), { policy: "days", limit: 7 }),
    workflow_file: optional(relativePath, null),
    output: optional(schema, {}, { aliases: ["output_schema"] }),
    parameter_delivery: optional(oneOf(["stdin", "file", "env"]), null),
    parameter_format: optional(
      oneOf(["json", "yaml", "dotenv"]),
      "json" as const,
    ),
    output_format: optional(
      oneOf(["text", "json", "yaml", "jsonl"]),
      "text" as const,
    ),
    output_strict: optional(bool, false),
    timeout: optional(number({ over: 0 }), null, {
      aliases: ["timeout_seconds"],
    }),
    retry: optional(retry, null),
    idempotent: optional(bool, false),
    default_execution_permission_set_refs: optional(
      listOf(permissionSetRef),
      [],
    ),
    accesses_mcp: optional(bool, false),
    wasm: optional(
      (value, at) => {
        const read = wasmOptions(value, at);
        return read && given(read);
      },
      {},
    ),
  };
}
