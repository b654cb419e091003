import type { JsonObject } from "../domain/json.ts";
import type { Pack, PackRuntime } from "../domain/pack.ts";
import { canonicalRuntime } from "../domain/runtime_name.ts";
import { identOf, packOf } from "../domain/ref.ts";
import { actionFields } from "./action_fields.ts";
import {
  checkPackDependencies,
  checkRuntimeDependencies,
} from "./check_dependencies.ts";
import { finishRules } from "./check_rules.ts";
import { titleOf } from "./component_fields.ts";
import { kindPlace, type Read, readKind } from "./components.ts";
import { didYouMean } from "../domain/did_you_mean.ts";
import type { ValuesOf } from "./fields.ts";
import { finishAction, finishSensor } from "./finish_runnable.ts";
import { checkForeignFiles } from "./foreign_files.ts";
import type { Known, KnownRuntime } from "./known.ts";
import { permissionSetFields } from "./permission_set_fields.ts";
import type { Place } from "./place.ts";
import type { FileReport } from "./report.ts";
import { ruleFields } from "./rule_fields.ts";
import { runtimeFields } from "./runtime_fields.ts";
import { sensorFields } from "./sensor_fields.ts";
import { triggerFields } from "./trigger_fields.ts";

/** Everything of a pack that is not in `pack.yaml`. */
export type PackParts =
  & Pick<
    Pack,
    | "permission_sets"
    | "runtimes"
    | "triggers"
    | "actions"
    | "rules"
    | "sensors"
    | "skipped_refs"
  >
  & { reports: FileReport[] };

export interface PartsOptions {
  dir: string;
  ref: string;
  bundled?: boolean | undefined;
  runtimesDir?: string | undefined;
  known?: Known | undefined;
  minPollInterval?: number | undefined;
}

/**
 * Reads every component file, kind by kind in the order of loading, and then
 * checks what they say about one another. `declared` is what `pack.yaml` says,
 * when it could be read.
 */
export async function readParts(
  options: PartsOptions,
  declared: { dependencies: string[]; runtime_deps: string[] } | undefined,
  top: Place | undefined,
): Promise<PackParts> {
  const { dir, ref, known = {} } = options;
  const place = (folder: string) => kindPlace(dir, ref, folder);
  const sets = await readKind(
    place("permission_sets"),
    permissionSetFields(ref),
  );
  const runtimes = await readKind(runtimesPlace(options), runtimeFields(ref));
  const triggers = await readKind(place("triggers"), triggerFields(ref));
  const actions = await readKind(place("actions"), actionFields(ref));
  const foreign = await checkForeignFiles(dir, ref);
  const rules = await readKind(place("rules"), ruleFields(ref), [
    "trigger_ref",
    "action_ref",
  ]);
  const sensors = await readKind(place("sensors"), sensorFields(ref));

  const ownRuntimes = runtimes.read.map(toRuntime);
  const rows = [...ownRuntimes.map(asKnown), ...(known.runtimes ?? [])];
  const context = {
    dir,
    bundled: options.bundled === true,
    rows,
    minPollInterval: options.minPollInterval ?? 5,
  };
  const finishedActions = await Promise.all(
    actions.read.map(({ values, at }) => finishAction(values, at, context)),
  );
  const finishedSensors = await Promise.all(
    sensors.read.map(({ values, at }) => finishSensor(values, at, context)),
  );
  warnUnknownTriggers(sensors.read, ref, triggers.declared, known);
  const finishedRules = finishRules(rules.read, {
    pack: ref,
    triggers: {
      own: schemas(triggers.declared, triggers.read),
      others: known.triggers,
    },
    actions: {
      own: schemas(actions.declared, actions.read),
      others: known.actions,
    },
  });
  if (declared !== undefined && top !== undefined) {
    const { dependencies, runtime_deps } = declared;
    checkPackDependencies(dependencies, known, top.at("dependencies"));
    checkRuntimeDependencies(runtime_deps, known, rows, top.at("runtime_deps"));
  }
  return {
    permission_sets: sets.read.map(({ values, at }) => ({
      ...values,
      file: at.report.file,
    })),
    runtimes: ownRuntimes,
    triggers: triggers.read.map(({ values, at }) => ({
      ...values,
      label: values.label ?? titleOf(values.ref),
      file: at.report.file,
    })),
    actions: finishedActions,
    rules: finishedRules.rules,
    sensors: finishedSensors,
    skipped_refs: [
      ...foreign.refs,
      ...finishedRules.skipped,
      ...rules.incomplete,
    ],
    reports: [sets, runtimes, triggers, actions, foreign, rules, sensors]
      .flatMap(({ reports }) => reports),
  };
}

function runtimesPlace({ dir, ref, runtimesDir }: PartsOptions) {
  const usual = kindPlace(dir, ref, "runtimes");
  if (runtimesDir === undefined) return usual;
  const outside = { dir: runtimesDir, within: runtimesDir };
  return { ...usual, dirs: [...usual.dirs, outside] };
}

type RuntimeValues = ValuesOf<ReturnType<typeof runtimeFields>>;

function toRuntime({ values, at }: Read<RuntimeValues>): PackRuntime {
  const { pack_ref: _, name, ...rest } = values;
  return {
    ...rest,
    name: name ?? canonicalRuntime(identOf(values.ref)),
    file: at.report.file,
  };
}

function asKnown(runtime: PackRuntime): KnownRuntime {
  const { ref, name, aliases, execution_config } = runtime;
  const extension = execution_config.interpreter?.file_extension;
  return { ref, name, aliases, file_extension: extension || null };
}

/** Declared refs with the schemas that could be read. */
function schemas(
  declared: ReadonlySet<string>,
  read: readonly Read<{ ref: string; parameters: JsonObject }>[],
): Map<string, JsonObject | null> {
  return new Map([
    ...[...declared].map((ref): [string, null] => [ref, null]),
    ...read.map(({ values }): [string, JsonObject] => [
      values.ref,
      values.parameters,
    ]),
  ]);
}

function warnUnknownTriggers(
  sensors: readonly Read<{ trigger_types: string[] }>[],
  pack: string,
  own: ReadonlySet<string>,
  { triggers }: Known,
): void {
  for (const { values, at } of sensors) {
    for (const ref of values.trigger_types) {
      const unknowable = triggers === undefined && packOf(ref) !== pack;
      if (own.has(ref) || triggers?.has(ref) || unknowable) continue;
      const near = didYouMean(ref, [...own, ...(triggers?.keys() ?? [])]);
      at.at("trigger_types").warn(
        `names trigger '${ref}', which does not exist` +
          (near === undefined ? "" : ` (did you mean '${near}'?)`),
      );
    }
  }
}
