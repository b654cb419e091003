import type { ClaimedRow } from "../db/claim.ts";
import type { ClaimedItem, ExecutionSpec } from "../domain/agent_protocol.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import { secretNames, withDefaults } from "../domain/param_schema.ts";
import { isSealed, SealBroken, unseal } from "../domain/seal.ts";
import { mapSealed } from "../domain/seal.ts";
import { signExecutionToken, SYSTEM_IDENTITY } from "./auth/tokens.ts";
import type { ApiSettings } from "./env.ts";

/** Used for the life of a token when neither the execution nor the action sets a timeout. */
const DEFAULT_TIMEOUT_S = 300;

/** What the agent is told of an attempt it claimed; a fault instead when its secrets cannot be read. */
export async function toClaimedItem(
  row: ClaimedRow,
  settings: Pick<ApiSettings, "jwtSecret" | "encryptionKey">,
): Promise<ClaimedItem> {
  const { id, attempt } = row;
  try {
    return { id, attempt, spec: await toSpec(row, settings) };
  } catch (error) {
    if (!(error instanceof SealBroken)) throw error;
    const fault = {
      lease: row.lease_token,
      reason: "secret_unavailable" as const,
      message: error.message,
    };
    return { id, attempt, fault };
  }
}

async function toSpec(
  row: ClaimedRow,
  settings: Pick<ApiSettings, "jwtSecret" | "encryptionKey">,
): Promise<ExecutionSpec> {
  const parameters = withDefaults(
    openParameters(row.config, settings.encryptionKey),
    row.param_schema,
  );
  const secret = new Set([
    ...secretNames(row.param_schema),
    ...Object.keys(row.config).filter((name) => isSealed(row.config[name])),
  ]);
  const outSchema = row.out_schema;
  return {
    id: row.id,
    attempt: row.attempt,
    lease: row.lease_token,
    lease_ms: row.lease_ms,
    action_ref: row.action_ref,
    pack_ref: row.pack_ref,
    pack_version: row.pack_version,
    pack_hash: row.content_hash,
    chain_id: row.chain_id,
    runtime: {
      name: row.runtime.name,
      ref: row.runtime.ref,
      execution_config: row.runtime.execution_config,
      versions: row.runtime.versions,
    },
    runtime_version: row.runtime_version,
    entry_point: row.entry_point,
    inline: row.is_adhoc && row.runtime.name === "shell",
    parameters,
    secret_names: Object.keys(parameters).filter((name) => secret.has(name)),
    parameter_delivery: row.parameter_delivery,
    parameter_format: row.parameter_format,
    output_format: row.output_format,
    output_strict: row.output_strict,
    output_schema: outSchema && Object.keys(outSchema).length > 0
      ? outSchema
      : null,
    timeout_s: row.timeout_s,
    resources: row.resources,
    permissions: row.permissions,
    env_vars: row.env_vars,
    token: await tokenFor(row, settings.jwtSecret),
    rule_ref: row.rule_ref,
    trigger_ref: row.trigger_ref,
    rerun_when_lost: row.idempotent ||
      (row.retry?.on.includes("lost") ?? false),
  };
}

function tokenFor(row: ClaimedRow, jwtSecret: string): Promise<string> | null {
  if (row.permission_set_refs.length === 0) return null;
  return signExecutionToken(jwtSecret, {
    executionId: row.id,
    actionRef: row.action_ref,
    packRef: row.pack_ref,
    permissionSetRefs: row.permission_set_refs,
    identityId: row.executor ?? SYSTEM_IDENTITY,
    ttlS: row.timeout_s ?? DEFAULT_TIMEOUT_S,
  });
}

/** Throws {@linkcode SealBroken} with a message for people. */
function openParameters(
  config: JsonObject,
  encryptionKey: string | null,
): JsonObject {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      mapSealed(value, (sealed) => open(name, sealed, encryptionKey)),
    ]),
  );
}

function open(
  name: string,
  sealed: { sealed: string },
  encryptionKey: string | null,
): Json {
  try {
    if (encryptionKey !== null) return unseal(sealed, encryptionKey);
  } catch (error) {
    if (!(error instanceof SealBroken)) throw error;
  }
  throw new SealBroken(
    `Cannot open secret parameter "${name}" as the server's encryption key is not the one it was stored with: set ATTUNE__SECURITY__ENCRYPTION_KEY to that one`,
  );
}
