import { type Command, InvalidArgumentError } from "commander";
import { connect, type Connection } from "./connection.ts";

/** Options of every command that talks to the API. */
export interface ApiOptions {
  url?: string;
}

/** Adds `--url`. */
export function withApi(command: Command): Command {
  return command.option("--url <url>", "the API to talk to");
}

/** Adds examples under the help of a command. */
export function withExample(command: Command, ...lines: string[]): Command {
  const title = lines.length === 1 ? "Example:" : "Examples:";
  const body = lines.map((line) => `  $ ${line}`).join("\n");
  return command.addHelpText("after", `\n${title}\n${body}`);
}

/** The API that the options and the environment name. */
export function open({ url }: ApiOptions): Promise<Connection> {
  return connect({ url, env: Deno.env.toObject() });
}

/** For arguments that are ids. */
export function parseId(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a number.");
}

/** For options that are numbers of at least 1. */
export function parsePositive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 1) return value;
  throw new InvalidArgumentError("It must be a number of at least 1.");
}

/** For options given once per value. */
export function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}

/** Where the user stands; `deno task` changes the working directory and says so. */
export function userDirectory(): string {
  return Deno.env.get("INIT_CWD") || Deno.cwd();
}
