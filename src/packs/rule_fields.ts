import { isObject, type Json } from "../domain/json.ts";
import { anything, freeMap, listOf, listOrOne } from "./collections.ts";
import { componentFields } from "./component_fields.ts";
import { mustBe, optional, type Reader, record, required } from "./fields.ts";
import { componentRef, ownRef, permissionSetRef } from "./ref_fields.ts";
import { oneOf, text } from "./scalars.ts";

const comparison = record({
  field: required(text),
  operator: required(oneOf(["equals", "not_equals", "contains"])),
  value: optional(anything, null),
});

const expression = record({ expression: required(text) });

/** A list of comparisons, `{expression: "..."}`, or `{}` for always. */
const conditions: Reader<Json> = (value, at) => {
  if (Array.isArray(value)) return listOf(comparison)(value, at);
  if (!isObject(value)) {
    return at.error(
      mustBe("a list of {field, operator, value} or {expression: text}", value),
    );
  }
  return Object.keys(value).length === 0 ? {} : expression(value, at);
};

/** `rules/*.yaml` (packs.md 8.2). */
export function ruleFields(pack: string) {
  return {
    ...componentFields(ownRef(pack)),
    trigger_ref: required(componentRef(pack)),
    action_ref: required(componentRef(pack)),
    conditions: optional(conditions, {}),
    action_params: optional(freeMap, {}),
    trigger_params: optional(freeMap, {}),
    permission_set_refs: optional(listOrOne(permissionSetRef), null, {
      aliases: ["permission_set_ref"],
    }),
  };
}
