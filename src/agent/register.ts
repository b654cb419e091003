import { hostname } from "node:os";
import type {
  Capabilities,
  Held,
  RegisterAnswer,
  RegisterRequest,
} from "../domain/agent_protocol.ts";
import type { Log } from "../log.ts";
import { ApiAway, type ApiClient, ApiRefused } from "./api_client.ts";
import { backOff, pause } from "./back_off.ts";
import type { AgentOptions } from "./options.ts";

export interface Registering {
  api: ApiClient;
  options: Pick<AgentOptions, "joinToken" | "name" | "workerType">;
  instanceId: string;
  capabilities: Capabilities;
  /** What is still held; asked before each try. */
  held(): Held[];
  log: Log;
  signal: AbortSignal;
}

/** The name another live agent has is free again when that one was silent for a lease. */
const CONFLICT = 409;

/**
 * Registers, and waits for the control plane as long as that takes; a line is
 * logged when it is away and when it answers again. Afterwards `api` has the
 * token. Throws {@linkcode ApiRefused} when it does not want this agent.
 */
export async function register(
  { api, options, instanceId, capabilities, held, log, signal }: Registering,
): Promise<RegisterAnswer> {
  const host = hostname();
  const request: RegisterRequest = {
    instance_id: instanceId,
    name: options.name ?? `${host}-${instanceId.slice(0, 8)}`,
    worker_type: options.workerType,
    host,
    capabilities,
  };
  let said: string | undefined;
  for (const wait of backOff(250, 10_000)) {
    signal.throwIfAborted();
    try {
      // deno-lint-ignore no-await-in-loop -- one try after the other
      const answer = await api.call<RegisterAnswer>("register", {
        json: { ...request, held: held() } satisfies RegisterRequest,
        token: options.joinToken,
        signal,
      });
      api.token = answer.token;
      if (answer.api_url !== null) api.baseUrl = answer.api_url;
      return answer;
    } catch (error) {
      const conflict = error instanceof ApiRefused && error.status === CONFLICT;
      if (!conflict && !(error instanceof ApiAway)) throw error;
      const state = conflict ? "conflict" : "away";
      if (said !== state) {
        log.warn(`${error.message}; trying again until that changes`);
      }
      said = state;
    }
    // deno-lint-ignore no-await-in-loop -- the wait between two tries
    await pause(wait, signal);
  }
  throw new Error("unreachable");
}
