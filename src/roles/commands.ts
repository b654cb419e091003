import type { Command } from "commander";
import { withExample } from "../cli/command.ts";

/** `attune start` */
export function addStart(program: Command): void {
  const command = program.command("start")
    .description("the whole platform in one process; needs nothing else")
    .option("--verbose", "show the whole log here");
  withExample(
    command,
    "attune start",
    "ATTUNE_HOME=/srv/attune ATTUNE__SERVER__PORT=9000 attune start",
  ).action(async (options: { verbose?: boolean }) => {
    const { start } = await import("../start.ts");
    await start({ verbose: options.verbose === true });
  });
}

/** `attune api` */
export function addApi(program: Command): void {
  withExample(
    program.command("api").description("serve the HTTP API"),
    "ATTUNE__DATABASE__URL=postgres://... ATTUNE__MESSAGE_QUEUE__URL=nats://... attune api",
  ).action(async () => (await import("./server.ts")).runApi());
}

/** `attune scheduler` */
export function addScheduler(program: Command): void {
  withExample(
    program.command("scheduler").description("decide what runs when"),
    "ATTUNE__DATABASE__URL=postgres://... ATTUNE__MESSAGE_QUEUE__URL=nats://... attune scheduler",
  ).action(async () => (await import("./server.ts")).runScheduler());
}

/** `attune agent` */
export function addAgent(program: Command): void {
  withExample(
    program.command("agent").description("run actions on this machine"),
    "ATTUNE_API_URL=https://attune.example ATTUNE_AGENT_TOKEN=... attune agent",
  ).action(async () => (await import("./agent.ts")).runAgent());
}

/** `attune migrate` */
export function addMigrate(program: Command): void {
  withExample(
    program.command("migrate")
      .description("bring the database schema up to date"),
    "ATTUNE__DATABASE__URL=postgres://... attune migrate",
  ).action(async () => (await import("./migrate.ts")).runMigrate());
}
