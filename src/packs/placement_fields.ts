import type {
  Affinity,
  AffinityTerm,
  MatchExpression,
  Toleration,
} from "../domain/placement.ts";
import { listOf, mapOf } from "./collections.ts";
import { given, optional, type Reader, record, required } from "./fields.ts";
import { number, oneOf, text } from "./scalars.ts";

const labels = mapOf(text);

const toleration = record({
  key: required(text),
  operator: optional(oneOf(["equal", "exists"]), "equal" as const),
  value: optional(text, undefined),
  effect: optional(oneOf(["no_schedule", "prefer_no_schedule"]), undefined),
});

const expressionFields = record({
  key: required(text),
  operator: required(oneOf(["in", "not_in", "exists", "does_not_exist"])),
  values: optional(listOf(text), []),
});

const expression: Reader<MatchExpression> = (value, at) => {
  const read = expressionFields(value, at);
  if (read === undefined) return;
  const compares = read.operator === "in" || read.operator === "not_in";
  if (compares && read.values.length === 0) {
    at.at("values").error(
      `must list something for operator '${read.operator}'`,
    );
  }
  return read;
};

const term: Reader<AffinityTerm> = record({
  match_labels: optional(labels, {}),
  match_expressions: optional(listOf(expression), []),
});

const affinity: Reader<Affinity> = record({
  required: optional(listOf(term), []),
  preferred: optional(
    listOf(record({
      weight: optional(number({ least: 1, most: 100, integer: true }), 1),
      preference: required(term),
    })),
    [],
  ),
  anti_affinity: optional(listOf(term), []),
});

const tolerations: Reader<Toleration[]> = (value, at) =>
  listOf(toleration)(value, at)?.map((one) => {
    const { key, operator, ...rest } = one;
    return { key, operator, ...given(rest) };
  });

/** Where the work may go (packs.md 2.6). */
export const placementFields = {
  worker_selector: optional(labels, {}),
  worker_tolerations: optional(tolerations, []),
  worker_affinity: optional(
    affinity,
    { required: [], preferred: [], anti_affinity: [] },
  ),
};
