import { resolve } from "node:path";
import { AGENT_DEFAULTS, type AgentOptions } from "./options.ts";

/**
 * What the agent program is told by its environment: `ATTUNE_API_URL` and
 * `ATTUNE_AGENT_TOKEN` are required; `ATTUNE_HOME` (default `./.attune`) is
 * where it keeps its state, `ATTUNE_AGENT_NAME` its name, and
 * `ATTUNE_WORKER_RUNTIMES` the list of what it offers. Packs are downloaded.
 * Throws an Error that names every fault.
 */
export function optionsFromEnv(
  env: Readonly<Record<string, string | undefined>>,
): AgentOptions {
  const faults: string[] = [];
  const { ATTUNE_API_URL = "", ATTUNE_AGENT_TOKEN = "" } = env;
  if (!/^https?:\/\/[^/]/.test(ATTUNE_API_URL)) {
    faults.push(
      `ATTUNE_API_URL must be the address of the API, such as https://attune.example.com: it is ${
        ATTUNE_API_URL === "" ? "not set" : `"${ATTUNE_API_URL}"`
      }`,
    );
  }
  if (ATTUNE_AGENT_TOKEN === "") {
    faults.push(
      "ATTUNE_AGENT_TOKEN must be the server's security.agent_join_token: it is not set",
    );
  }
  if (faults.length > 0) {
    throw new Error(`Cannot start the agent: ${faults.join("; ")}`);
  }
  const home = resolve(env.ATTUNE_HOME || ".attune");
  const names = (env.ATTUNE_WORKER_RUNTIMES ?? "").split(",")
    .map((name) => name.trim()).filter((name) => name !== "");
  return {
    ...AGENT_DEFAULTS,
    apiUrl: ATTUNE_API_URL.replace(/\/+$/, ""),
    joinToken: ATTUNE_AGENT_TOKEN,
    stateDir: `${home}/agent`,
    runtimeEnvsDir: `${home}/runtime_envs`,
    artifactsDir: `${home}/artifacts`,
    name: env.ATTUNE_AGENT_NAME || null,
    runtimes: names.length === 0
      ? null
      : { names, from: "ATTUNE_WORKER_RUNTIMES" },
  };
}
