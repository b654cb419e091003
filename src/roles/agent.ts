import { loadConfig } from "../config.ts";
import { makeLog } from "../log.ts";
import { runRole } from "./run_role.ts";
import { openAgent } from "./wire_agent.ts";

/** Killing what still runs, and sending the last outcomes. */
const CLOSING_MS = 10_000;

/** `attune agent` */
export async function runAgent(): Promise<void> {
  const { config, sources } = loadConfig({
    env: Deno.env.toObject(),
    cwd: Deno.cwd(),
  });
  const { api_url, join_token, shutdown_timeout, kill_grace } = config.worker;
  if (api_url === null || join_token === null) {
    const missing = api_url === null
      ? "the API it belongs to: set ATTUNE_API_URL to its address"
      : "a token to join with: set ATTUNE_AGENT_TOKEN to the server's security.agent_join_token";
    throw new Error(`Cannot start the agent as it needs ${missing}`);
  }
  const log = makeLog(config.log).child({ role: "agent" });
  await runRole({
    graceMs: (shutdown_timeout + kill_grace) * 1000 + CLOSING_MS,
    log,
    async open(stack, stop) {
      await openAgent(config, {
        apiUrl: api_url.replace(/\/+$/, ""),
        joinToken: join_token,
        workerType: "remote",
        sources,
        log,
        stop,
      }, stack);
    },
  });
}
