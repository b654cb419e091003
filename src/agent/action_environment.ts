import type { ExecutionSpec } from "../domain/agent_protocol.ts";
import {
  childEnvironment,
  DEFAULT_PATH,
} from "../process/child_environment.ts";
import type { ExecutionConfig } from "../domain/runtime.ts";

export interface EnvironmentParts {
  spec: ExecutionSpec;
  config: ExecutionConfig;
  /** The agent's own environment. */
  agent: Readonly<Record<string, string | undefined>>;
  /** The operator's `worker.env_passthrough`. */
  passthrough: readonly string[];
  workDir: string;
  artifactsDir: string;
  runtimeEnvsDir: string;
  apiUrl: string;
  templates: Readonly<Record<string, string | undefined>>;
  /** What the delivery of the parameters adds. */
  delivered: Record<string, string>;
}

/** The environment of an action's process (packs.md 3.6). */
export function actionEnvironment(
  { spec, config, ...parts }: EnvironmentParts,
): Record<string, string> {
  const { context } = spec.parameters;
  return childEnvironment({
    agent: parts.agent,
    passthrough: allowed(spec.permissions.env, parts.passthrough),
    workDir: parts.workDir,
    runtime: config.env_vars ?? {},
    templates: parts.templates,
    execution: spec.env_vars,
    context: spec.secret_names.includes("context") ? undefined : context,
    attune: {
      ATTUNE_EXEC_ID: String(spec.id),
      ATTUNE_ACTION: spec.action_ref,
      ATTUNE_PACK_REF: spec.pack_ref,
      ATTUNE_ATTEMPT: String(spec.attempt),
      ATTUNE_API_URL: parts.apiUrl,
      ATTUNE_API_TOKEN: spec.token ?? undefined,
      ATTUNE_ARTIFACTS_DIR: parts.artifactsDir,
      ATTUNE_WORK_DIR: parts.workDir,
      ATTUNE_RUNTIME_ENVS_DIR: parts.runtimeEnvsDir,
      ATTUNE_RULE: spec.rule_ref ?? undefined,
      ATTUNE_TRIGGER: spec.trigger_ref ?? undefined,
      ...parts.delivered,
    },
  });
}

/** What an action's `permissions.env` leaves of the operator's list (packs.md 2.5). */
function allowed(wanted: unknown, passthrough: readonly string[]) {
  if (wanted === false) return [];
  return Array.isArray(wanted)
    ? passthrough.filter((name) => wanted.includes(name))
    : passthrough;
}

/** PATH in which an agent with this environment looks for programs. */
export function searchPath(
  agent: Readonly<Record<string, string | undefined>>,
): string {
  return agent.PATH || DEFAULT_PATH;
}
