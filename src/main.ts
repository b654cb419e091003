import { Command, CommanderError } from "commander";
import { CliError, EXIT } from "./cli/exit.ts";
import { VERSION } from "./version.ts";

/** A top-level command. Its module is loaded only when it is the one asked for. */
interface Entry {
  summary: string;
  aliases?: string[];
  add: () => Promise<(program: Command) => void>;
}

const COMMANDS: Record<string, Entry> = {
  start: {
    summary: "the whole platform in one process; needs nothing else",
    add: async () => (await import("./roles/commands.ts")).addStart,
  },
  api: {
    summary: "serve the HTTP API",
    add: async () => (await import("./roles/commands.ts")).addApi,
  },
  scheduler: {
    summary: "decide what runs when",
    add: async () => (await import("./roles/commands.ts")).addScheduler,
  },
  agent: {
    summary: "run actions on this machine",
    add: async () => (await import("./roles/commands.ts")).addAgent,
  },
  migrate: {
    summary: "bring the database schema up to date",
    add: async () => (await import("./roles/commands.ts")).addMigrate,
  },
  config: {
    summary: "the effective configuration and where it comes from",
    add: async () => (await import("./roles/config_command.ts")).addConfig,
  },
  run: {
    summary: "run an action and show its output as it comes",
    add: async () => (await import("./cli/run.ts")).addRun,
  },
  execution: {
    summary: "what ran, runs and waits",
    aliases: ["executions"],
    add: async () => (await import("./cli/execution.ts")).addExecution,
  },
  action: {
    summary: "what can be run",
    aliases: ["actions"],
    add: async () => (await import("./cli/action.ts")).addAction,
  },
  pack: {
    summary: "packs of actions",
    aliases: ["packs"],
    add: async () => (await import("./cli/pack.ts")).addPack,
  },
  worker: {
    summary: "the agents that run actions",
    aliases: ["workers"],
    add: async () => (await import("./cli/worker.ts")).addWorker,
  },
  auth: {
    summary: "who you are to the API",
    add: async () => (await import("./cli/auth.ts")).addAuth,
  },
};

const CODES = `
Exit codes:
  0  done; for run: the action succeeded
  1  the action did not succeed
  2  wrong arguments or configuration, or a role could not start
  3  the API cannot be reached, or failed
  4  the API refused: not logged in, no permission, no such thing`;

/** The program with the commands that `names` ask for; all of them when `names` is undefined. */
export async function makeProgram(names?: string[]): Promise<Command> {
  const program = new Command("attune")
    .description("Runs actions, on this machine or on many.")
    .version(VERSION)
    .showHelpAfterError("(--help shows how)")
    .exitOverride()
    .addHelpText("after", "\nExample:\n  $ attune run core.echo message=hello")
    .addHelpText("after", CODES);
  for (
    const [name, { summary, aliases = [], add }] of Object.entries(COMMANDS)
  ) {
    const wanted = names === undefined ||
      names.some((n) => n === name || aliases.includes(n));
    if (wanted) {
      // deno-lint-ignore no-await-in-loop -- usually one, and help has an order
      (await add())(program);
    } else {
      program.command(name).description(summary);
    }
  }
  return program;
}

/** Runs one command line; sets the exit code. */
export async function main(args: string[]): Promise<void> {
  const name = args.find((arg) => !arg.startsWith("-"));
  // `help run` is about run.
  const names = name === "help" ? args.slice(1) : [name ?? ""];
  try {
    const program = await makeProgram(names);
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: "user" });
  } catch (error) {
    Deno.exit(await report(error));
  }
}

async function report(error: unknown): Promise<number> {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage; // it has said why
  }
  // Whoever read our output has left: `attune execution list | head`.
  if (error instanceof Deno.errors.BrokenPipe) return EXIT.ok;
  const { colorsFor, err } = await import("./cli/terminal.ts");
  const red = colorsFor(Deno.stderr).red;
  await err(`${red("error")}: ${textOf(error)}\n`);
  return error instanceof CliError ? error.exitCode : EXIT.usage;
}

/** Errors of ours say all there is; a stack is for surprises, which are of the platform's own classes. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const surprise = error instanceof TypeError || error instanceof RangeError ||
    error instanceof ReferenceError;
  return surprise ? error.stack ?? error.message : error.message;
}

if (import.meta.main) {
  await main(Deno.args);
}
