import type {
  PackAction,
  PackPermissionSet,
  PackRule,
  PackRuntime,
  PackSensor,
  PackTrigger,
  Runnable,
} from "../../domain/pack.ts";
import type { WantedRow } from "./upsert.ts";

/** The pack that a row belongs to. */
export interface Owner {
  id: number;
  ref: string;
}

export function permissionSetRow(
  set: PackPermissionSet,
  pack: Owner,
): WantedRow {
  const { ref, label, description, grants } = set;
  return { ref, label, description, grants, pack: pack.id, is_adhoc: false };
}

export function runtimeRow(runtime: PackRuntime, pack: Owner): WantedRow {
  return {
    ref: runtime.ref,
    pack: pack.id,
    pack_ref: pack.ref,
    name: runtime.name,
    label: runtime.label,
    description: runtime.description,
    aliases: runtime.aliases,
    distributions: runtime.distributions,
    installation: runtime.installation,
    execution_config: runtime.execution_config,
    is_adhoc: false,
    auto_detected: false,
    detection_config: {},
  };
}

export function triggerRow(trigger: PackTrigger, pack: Owner): WantedRow {
  return {
    ...componentColumns(trigger, pack),
    examples: trigger.examples,
    type: trigger.type,
    param_schema: trigger.parameters,
    out_schema: trigger.output,
    payload_validation: trigger.payload_validation,
  };
}

export function actionRow(action: PackAction, pack: Owner): WantedRow {
  const isWorkflow = action.workflow_file !== null;
  return {
    ...runnableColumns(action, pack),
    runtime: isWorkflow ? null : action.runtime,
    workflow_file: action.workflow_file,
    out_schema: action.output,
    parameter_delivery: action.parameter_delivery,
    parameter_format: action.parameter_format,
    output_format: action.output_format,
    output_strict: action.output_strict,
    timeout_seconds: action.timeout,
    retry: action.retry,
    idempotent: action.idempotent,
    wasm: action.wasm,
    default_execution_permission_set_refs:
      action.default_execution_permission_set_refs,
    accesses_mcp: action.accesses_mcp,
  };
}

export function sensorRow(sensor: PackSensor, pack: Owner): WantedRow {
  return {
    ...runnableColumns(sensor, pack),
    runtime: sensor.runtime,
    mode: sensor.mode,
    poll_interval: sensor.poll_interval,
    timeout_seconds: sensor.timeout,
    config: sensor.config,
  };
}

export function ruleRow(rule: PackRule, pack: Owner): WantedRow {
  return {
    ...componentColumns(rule, pack),
    trigger_ref: rule.trigger_ref,
    action_ref: rule.action_ref,
    conditions: rule.conditions,
    action_params: rule.action_params,
    trigger_params: rule.trigger_params,
    permission_set_refs: rule.permission_set_refs,
    // A declared rule runs as the system identity.
    owner_identity: null,
  };
}

type Component = PackTrigger | Runnable | PackRule;

function componentColumns(component: Component, pack: Owner): WantedRow {
  const { ref, label, description, enabled, tags, meta } = component;
  return {
    ref,
    pack: pack.id,
    pack_ref: pack.ref,
    label,
    description,
    enabled: enabled ?? true,
    tags,
    meta,
    is_adhoc: false,
  };
}

function runnableColumns(runnable: Runnable, pack: Owner): WantedRow {
  return {
    ...componentColumns(runnable, pack),
    examples: runnable.examples,
    runtime_version: runnable.runtime_version,
    required_worker_runtimes: runnable.required_worker_runtimes,
    entry_point: runnable.entry_point,
    param_schema: runnable.parameters,
    resources: runnable.resources,
    permissions: runnable.permissions,
    worker_selector: runnable.worker_selector,
    worker_tolerations: runnable.worker_tolerations,
    worker_affinity: runnable.worker_affinity,
    artifact_retention_policy: runnable.artifact_retention_policy,
    artifact_retention_limit: runnable.artifact_retention_limit,
    log_retention_policy: runnable.log_retention_policy,
    log_retention_limit: runnable.log_retention_limit,
  };
}
