import type { PackAction, PackSensor, Runnable } from "../domain/pack.ts";
import type { actionFields } from "./action_fields.ts";
import { chooseRuntime, nameOf } from "./choose_runtime.ts";
import { titleOf } from "./component_fields.ts";
import { type EntryPoint, findEntryPoint } from "./entry_point.ts";
import type { ValuesOf } from "./fields.ts";
import type { KnownRuntime } from "./known.ts";
import type { Place } from "./place.ts";
import type { sensorFields } from "./sensor_fields.ts";
import { sensorMode } from "./sensor_mode.ts";

type ActionValues = ValuesOf<ReturnType<typeof actionFields>>;
type SensorValues = ValuesOf<ReturnType<typeof sensorFields>>;

export interface PackContext {
  dir: string;
  bundled: boolean;
  rows: readonly KnownRuntime[];
  minPollInterval: number;
}

/** Chooses what an action's file leaves open: runtime, delivery, label. */
export async function finishAction(
  read: ActionValues,
  at: Place,
  pack: PackContext,
): Promise<PackAction> {
  const { runner_type: _, workflow_file, parameter_delivery, ...rest } = read;
  const isWorkflow = workflow_file !== null;
  if (isWorkflow) await checkWorkflowFile(pack.dir, workflow_file, at);
  const { entry, runtime } = isWorkflow
    ? { entry: { written: "", file: undefined }, runtime: "" }
    : await findCode("actions", read, at, pack);
  const delivery = parameter_delivery ??
    (runtime === "native" ? "env" : "stdin");
  return {
    ...rest,
    ...common(read, at, pack),
    workflow_file,
    runtime,
    entry_point: entry.written,
    parameter_delivery: delivery,
    parameter_format: delivery === "env" ? "json" : read.parameter_format,
  };
}

/** Chooses what a sensor's file leaves open: runtime, mode, label. */
export async function finishSensor(
  read: SensorValues,
  at: Place,
  pack: PackContext,
): Promise<PackSensor> {
  const { runner_type: _, mode: written, poll_interval, ...rest } = read;
  const builtin = written === "builtin";
  if (builtin && !pack.bundled) {
    at.at("mode").error(
      "must not be 'builtin', which is reserved to the core pack",
    );
  }
  if (!builtin && read.entry_point === "") {
    at.at("entry_point").error("is required");
  }
  const { entry, runtime } = builtin || read.entry_point === ""
    ? { entry: { written: "", file: undefined }, runtime: "native" }
    : await findCode("sensors", read, at, pack);
  const choice = { written, pollInterval: poll_interval, runtime, entry };
  const interval = poll_interval ?? 30;
  if (interval < pack.minPollInterval) {
    at.at("poll_interval").warn(
      `is ${interval}; it is raised to ${pack.minPollInterval} seconds`,
    );
  }
  return {
    ...rest,
    ...common(read, at, pack),
    runtime,
    entry_point: entry.written,
    mode: await sensorMode(choice, at),
    poll_interval: Math.max(interval, pack.minPollInterval),
  };
}

async function findCode(
  folder: "actions" | "sensors",
  read: ActionValues | SensorValues,
  at: Place,
  pack: PackContext,
): Promise<{ entry: EntryPoint; runtime: string }> {
  const place = at.at("entry_point");
  const entry = await findEntryPoint(pack.dir, folder, read.entry_point, place);
  const runtime = chooseRuntime({
    written: read.runner_type,
    entry,
    otherwise: folder === "actions" ? "shell" : "native",
    rows: pack.rows,
  }, at);
  if (runtime === "native" && entry.file?.executable === false) {
    place.warn(
      `is not executable: ${folder}/${entry.written}; run chmod +x on it`,
    );
  }
  return { entry, runtime };
}

/** What is derived alike for actions and sensors. */
function common(
  read: ActionValues | SensorValues,
  at: Place,
  pack: PackContext,
): Pick<Runnable, "label" | "file" | "required_worker_runtimes"> {
  const needed = Object.entries(read.required_worker_runtimes);
  return {
    label: read.label ?? titleOf(read.ref),
    file: at.report.file,
    required_worker_runtimes: Object.fromEntries(
      needed.map(([name, constraint]) => [
        nameOf(name, pack.rows) ?? name,
        constraint,
      ]),
    ),
  };
}

async function checkWorkflowFile(
  dir: string,
  file: string,
  at: Place,
): Promise<void> {
  const place = at.at("workflow_file");
  const { file: found } = await findEntryPoint(dir, "actions", file, place);
  if (found === undefined) return;
  place.warn("makes this a workflow action, which this version does not run");
}
