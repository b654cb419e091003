import type {
  Pack,
  PackAction,
  PackRule,
  PackRuntime,
  PackSensor,
  PackTrigger,
} from "../../src/domain/pack.ts";

/** A pack as parsed, with nothing in it but what is given. */
export function aPack(given: Partial<Pack> = {}): Pack {
  return {
    ref: "acme",
    version: "1.0.0",
    label: "acme",
    description: null,
    author: null,
    email: null,
    enabled: undefined,
    is_standard: false,
    conf_schema: {},
    config: {},
    meta: {},
    tags: [],
    runtime_deps: [],
    dependencies: [],
    testing: null,
    permission_sets: [],
    runtimes: [],
    triggers: [],
    actions: [],
    rules: [],
    sensors: [],
    skipped_refs: [],
    ...given,
  };
}

export function anAction(given: Partial<PackAction> = {}): PackAction {
  return {
    ...runnable("actions", given.ref ?? "acme.sync"),
    workflow_file: null,
    output: {},
    parameter_delivery: "stdin",
    parameter_format: "json",
    output_format: "text",
    output_strict: false,
    timeout: null,
    retry: null,
    idempotent: false,
    default_execution_permission_set_refs: [],
    accesses_mcp: false,
    wasm: {},
    ...given,
  };
}

export function aSensor(given: Partial<PackSensor> = {}): PackSensor {
  return {
    ...runnable("sensors", given.ref ?? "acme.watch"),
    trigger_types: [],
    mode: "poll",
    poll_interval: 30,
    timeout: 30,
    config: {},
    ...given,
  };
}

export function aTrigger(given: Partial<PackTrigger> = {}): PackTrigger {
  return {
    ...component("triggers", given.ref ?? "acme.seen"),
    parameters: {},
    output: {},
    payload_validation: "off",
    type: null,
    examples: null,
    ...given,
  };
}

export function aRule(given: Partial<PackRule> = {}): PackRule {
  return {
    ...component("rules", given.ref ?? "acme.nightly"),
    trigger_ref: "acme.seen",
    action_ref: "acme.sync",
    conditions: {},
    action_params: {},
    trigger_params: {},
    permission_set_refs: null,
    ...given,
  };
}

export function aRuntime(given: Partial<PackRuntime> = {}): PackRuntime {
  return {
    ref: "acme.lua",
    name: "lua",
    label: null,
    description: null,
    aliases: [],
    distributions: {},
    installation: null,
    execution_config: {},
    versions: [],
    file: "acme/runtimes/lua.yaml",
    ...given,
  };
}

function component(directory: string, ref: string) {
  return {
    ref,
    label: ref,
    description: null,
    enabled: undefined,
    tags: [],
    meta: {},
    file: `${ref.split(".")[0]}/${directory}/${ref.split(".")[1]}.yaml`,
  };
}

function runnable(directory: string, ref: string) {
  return {
    ...component(directory, ref),
    runtime: "shell",
    runtime_version: null,
    required_worker_runtimes: {},
    entry_point: "run.sh",
    parameters: {},
    resources: {},
    permissions: {},
    worker_selector: {},
    worker_tolerations: [],
    worker_affinity: { required: [], preferred: [], anti_affinity: [] },
    log_retention_policy: null,
    log_retention_limit: null,
    artifact_retention_policy: null,
    artifact_retention_limit: null,
    examples: null,
  };
}
