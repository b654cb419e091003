import { didYouMean } from "../domain/did_you_mean.ts";
import type { JsonObject } from "../domain/json.ts";
import type { PackRule } from "../domain/pack.ts";
import { packOf } from "../domain/ref.ts";
import { titleOf } from "./component_fields.ts";
import type { Read } from "./components.ts";
import type { ValuesOf } from "./fields.ts";
import { pointerParts } from "./json_schema.ts";
import { checkParameters } from "./param_check.ts";
import type { Place } from "./place.ts";
import type { ruleFields } from "./rule_fields.ts";
import { shown } from "./report.ts";

type RuleValues = ValuesOf<ReturnType<typeof ruleFields>>;

/** What a rule may refer to: ref -> schema of its parameters, null when that is not known. */
export interface Referable {
  own: ReadonlyMap<string, JsonObject | null>;
  /** Undefined: other packs are not known, so nothing of theirs is called missing. */
  others: ReadonlyMap<string, JsonObject | null> | undefined;
}

export interface RuleTargets {
  pack: string;
  triggers: Referable;
  actions: Referable;
}

/** Makes the rules whose trigger and action exist; the others are skipped with a warning. */
export function finishRules(
  rules: readonly Read<RuleValues>[],
  targets: RuleTargets,
): { rules: PackRule[]; skipped: string[] } {
  const kept: PackRule[] = [];
  const skipped: string[] = [];
  for (const { values, at } of rules) {
    const { trigger_ref, action_ref } = values;
    const missing = [
      isMissing("trigger_ref", trigger_ref, targets.triggers, targets.pack, at),
      isMissing("action_ref", action_ref, targets.actions, targets.pack, at),
    ].includes(true);
    if (missing) {
      skipped.push(values.ref);
      continue;
    }
    const triggerSchema = schemaOf(trigger_ref, targets.triggers);
    const actionSchema = schemaOf(action_ref, targets.actions);
    warnMisfits(
      values.trigger_params,
      triggerSchema,
      `trigger '${trigger_ref}'`,
      at.at("trigger_params"),
    );
    warnMisfits(
      values.action_params,
      actionSchema,
      `action '${action_ref}'`,
      at.at("action_params"),
    );
    kept.push({
      ...values,
      label: values.label ?? titleOf(values.ref),
      file: at.report.file,
    });
  }
  return { rules: kept, skipped };
}

function isMissing(
  key: "trigger_ref" | "action_ref",
  ref: string,
  { own, others }: Referable,
  pack: string,
  at: Place,
): boolean {
  if (own.has(ref) || others?.has(ref)) return false;
  if (others === undefined && packOf(ref) !== pack) return false;
  const near = didYouMean(ref, [...own.keys(), ...(others?.keys() ?? [])]);
  at.at(key).warn(
    `names ${shown(ref)}, which does not exist: the rule is left out` +
      (near === undefined ? "" : ` (did you mean '${near}'?)`),
  );
  return true;
}

function schemaOf(ref: string, { own, others }: Referable): JsonObject | null {
  return own.get(ref) ?? others?.get(ref) ?? null;
}

function warnMisfits(
  values: JsonObject,
  schema: JsonObject | null,
  target: string,
  at: Place,
): void {
  for (const fault of checkParameters(schema, values)) {
    const place = pointerParts(fault.at).reduce(
      (at, part) => at.at(/^\d+$/.test(part) ? Number(part) : part),
      at,
    );
    place.warn(`does not fit the parameters of ${target}: ${fault.message}`);
  }
}
