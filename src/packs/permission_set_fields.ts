import { didYouMean } from "../domain/did_you_mean.ts";
import type { Grant } from "../domain/pack.ts";
import { freeMap, listOf, listOrOne } from "./collections.ts";
import { namedFields } from "./component_fields.ts";
import { given, optional, type Reader, record, required } from "./fields.ts";
import { GRANT_VERBS } from "./grant_verbs.ts";
import type { Place } from "./place.ts";
import { ownPermissionSetRef } from "./ref_fields.ts";
import { shown } from "./report.ts";
import { bool, number, oneOf, text } from "./scalars.ts";

const constraints = record({
  pack_refs: optional(listOf(text), undefined),
  owner: optional(oneOf(["self", "any", "none"]), undefined),
  owner_types: optional(
    listOf(oneOf(["system", "identity", "pack", "action", "sensor"])),
    undefined,
  ),
  owner_refs: optional(listOf(text), undefined),
  visibility: optional(listOrOne(oneOf(["public", "private"])), undefined),
  execution_scope: optional(oneOf(["self", "descendants", "any"]), undefined),
  refs: optional(listOf(text), undefined),
  ids: optional(listOf(number({ least: 1, integer: true })), undefined),
  encrypted: optional(bool, undefined),
  attributes: optional(freeMap, undefined),
});

const grantFields = record({
  resource: required(text),
  actions: required(listOrOne(text), { aliases: ["action"] }),
  constraints: optional(constraints, undefined),
});

const grant: Reader<Grant> = (value, at) => {
  const read = grantFields(value, at);
  if (read === undefined) return;
  const { resource, actions } = read;
  const verbs = Object.hasOwn(GRANT_VERBS, resource)
    ? GRANT_VERBS[resource]!
    : undefined;
  if (verbs === undefined) {
    unknown("resource", resource, Object.keys(GRANT_VERBS), at.at("resource"));
  } else {
    for (const verb of actions) {
      if (!verbs.includes(verb)) {
        unknown(`action of '${resource}'`, verb, verbs, at.at("actions"));
      }
    }
  }
  return read.constraints === undefined
    ? { resource, actions }
    : { resource, actions, constraints: given(read.constraints) };
};

function unknown(
  what: string,
  word: string,
  known: readonly string[],
  at: Place,
): void {
  const near = word.length <= 64 ? didYouMean(word, known) : undefined;
  at.warn(
    `names an unknown ${what}: ${shown(word)}` +
      (near === undefined ? "" : ` (did you mean '${near}'?)`),
  );
}

/** `permission_sets/*.yaml` (packs.md 8.3). */
export function permissionSetFields(pack: string) {
  return {
    ...namedFields(ownPermissionSetRef(pack)),
    grants: optional(listOf(grant), []),
  };
}
