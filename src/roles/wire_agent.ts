import { join } from "node:path";
import type { Agent, AgentDeps, AgentOptions } from "../agent/options.ts";
import { startAgent } from "../agent/start_agent.ts";
import { connectNats } from "../bus/nats.ts";
import { natsOptionsOf } from "../bus/nats_options.ts";
import type { Config } from "../config.ts";
import type { BusAddress } from "../domain/agent_protocol.ts";
import type { Stop } from "../lifecycle.ts";

export interface AgentParts extends Omit<AgentDeps, "connectBus" | "hard"> {
  apiUrl: string;
  joinToken: string;
  workerType: AgentOptions["workerType"];
  /** By setting path; names the variable in the agent's log. */
  sources: ReadonlyMap<string, string>;
  /** Soft ends the wait for the control plane, hard what runs. */
  stop: Stop;
}

/** Runs actions. Pushed on `stack`. */
export async function openAgent(
  config: Config,
  { apiUrl, joinToken, workerType, sources, stop, ...deps }: AgentParts,
  stack: AsyncDisposableStack,
): Promise<Agent> {
  const { worker } = config;
  const { runtimes } = worker.capabilities;
  const options: AgentOptions = {
    apiUrl,
    joinToken,
    workerType,
    stateDir: join(config.home, "agent"),
    packsBaseDir: config.packs_base_dir,
    runtimeEnvsDir: config.runtime_envs_dir,
    artifactsDir: config.artifacts_dir,
    name: worker.name,
    labels: { ...worker.labels },
    taints: [...worker.taints],
    maxConcurrentExecutions: worker.max_concurrent,
    runtimes: runtimes === null ? null : {
      names: [...runtimes],
      from: sources.get("worker.capabilities.runtimes") ?? "configuration",
    },
    envPassthrough: [...worker.env_passthrough],
    defaultTimeoutMs: worker.default_timeout * 1000,
    maxTimeoutMs: worker.max_timeout * 1000,
    killGraceMs: worker.kill_grace * 1000,
    shutdownTimeoutMs: worker.shutdown_timeout * 1000,
    maxStdoutBytes: worker.max_stdout_bytes,
    maxStderrBytes: worker.max_stderr_bytes,
    resourceCaps: worker.resource_caps,
  };
  const { log } = deps;
  return stack.use(
    await startAgent(options, {
      ...deps,
      hard: stop.hard,
      connectBus: (address: BusAddress) => {
        if (address.kind === "nats") {
          return connectNats({ ...natsOptionsOf(address), log, name: "agent" });
        }
        return Promise.reject(
          new Error(
            `Cannot join ${apiUrl} from another process as its bus is in process: install nats-server there, or set its ATTUNE__MESSAGE_QUEUE__URL`,
          ),
        );
      },
    }, { signal: stop.soft }),
  );
}
