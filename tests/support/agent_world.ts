import { join } from "node:path";
import { AGENT_DEFAULTS, type AgentOptions } from "../../src/agent/options.ts";
import { startAgent } from "../../src/agent/start_agent.ts";
import type { Agent } from "../../src/agent/options.ts";
import { type Log, makeLog } from "../../src/log.ts";
import { hashTree } from "../../src/packs/tree_hash.ts";
import {
  type FakeControlPlane,
  fakeControlPlane,
} from "./fake_control_plane.ts";

/** One agent, what it talks to, and a directory for all of it. */
export interface AgentWorld extends AsyncDisposable {
  plane: FakeControlPlane;
  dir: string;
  agent: Agent;
  options: AgentOptions;
  /** Lines the agent logged. */
  lines: string[];
  log: Log;
  /** Names in the agent's work root. */
  workDirs(): string[];
}

export interface WorldOptions extends Partial<AgentOptions> {
  /** Before the agent starts. */
  prepare?: (world: Pick<AgentWorld, "plane" | "dir" | "options">) =>
    | void
    | Promise<void>;
}

export async function agentWorld(
  { prepare, ...given }: WorldOptions = {},
): Promise<AgentWorld> {
  const dir = await Deno.makeTempDir({ prefix: "attune-agent-" });
  const plane = await fakeControlPlane();
  const options: AgentOptions = {
    ...AGENT_DEFAULTS,
    apiUrl: plane.url,
    joinToken: "join-token",
    stateDir: join(dir, "state"),
    packsBaseDir: join(dir, "packs"),
    runtimeEnvsDir: join(dir, "envs"),
    artifactsDir: join(dir, "artifacts"),
    killGraceMs: 500,
    shutdownTimeoutMs: 5_000,
    ...given,
  };
  await prepare?.({ plane, dir, options });
  const lines: string[] = [];
  const log = makeLog({
    level: "debug",
    format: "text",
    write: (line) => lines.push(line),
  });
  const agent = await startAgent(options, { log, bus: plane.bus });
  return {
    plane,
    dir,
    agent,
    options,
    lines,
    log,
    workDirs: () =>
      [...Deno.readDirSync(join(options.stateDir, "work"))].map((e) => e.name),
    async [Symbol.asyncDispose]() {
      await agent[Symbol.asyncDispose]();
      await plane[Symbol.asyncDispose]();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** Writes a pack below `<dir>/packs` and answers its content hash. Files whose text begins with `#!` are executable. */
export async function writePack(
  dir: string,
  ref: string,
  files: Record<string, string>,
): Promise<string> {
  const root = join(dir, "packs", ref);
  for (const [name, text] of Object.entries(files)) {
    const file = join(root, name);
    // deno-lint-ignore no-await-in-loop -- few files
    await Deno.mkdir(join(file, ".."), { recursive: true });
    // deno-lint-ignore no-await-in-loop -- few files
    await Deno.writeTextFile(file, text, {
      mode: text.startsWith("#!") ? 0o755 : 0o644,
    });
  }
  return await hashTree(root);
}
