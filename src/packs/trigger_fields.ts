import { componentFields, examplesField } from "./component_fields.ts";
import { optional } from "./fields.ts";
import { ownRef } from "./ref_fields.ts";
import { oneOf, text } from "./scalars.ts";
import { schema } from "./schema_field.ts";

/** `triggers/*.yaml` (packs.md 8.1). */
export function triggerFields(pack: string) {
  return {
    ...componentFields(ownRef(pack)),
    examples: examplesField,
    parameters: optional(schema, {}),
    output: optional(schema, {}, { aliases: ["output_schema"] }),
    type: optional(text, null),
    payload_validation: optional(
      oneOf(["off", "warn", "reject"]),
      "off" as const,
    ),
  };
}
