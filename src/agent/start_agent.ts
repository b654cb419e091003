import type { Agent, AgentDeps, AgentOptions } from "./options.ts";

/** Placeholder of the wiring; see below. */
export function startAgent(
  options: AgentOptions,
  deps: AgentDeps,
): Promise<Agent> {
  return Promise.reject(
    new Error(`no agent for ${options.apiUrl} ${deps.bus?.kind}`),
  );
}
