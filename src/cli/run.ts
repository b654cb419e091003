import type { Command } from "commander";
import { didYouMean } from "../domain/did_you_mean.ts";
import { isObject, type JsonObject } from "../domain/json.ts";
import {
  type ApiOptions,
  collect,
  open,
  parsePositive,
  userDirectory,
  withApi,
  withExample,
} from "./command.ts";
import type { Connection } from "./connection.ts";
import { CliError, EXIT, type ExitCode, usageError } from "./exit.ts";
import { parseParameters, unknownParameters } from "./parameters.ts";
import { printData } from "./output.ts";
import { waitForEnd } from "./wait_for_end.ts";
import { colorsFor, err, out } from "./terminal.ts";
import type { Action, ActionSummary, DataAnswer, Execution } from "./wire.ts";

interface RunOptions extends ApiOptions {
  params?: string;
  env?: string[];
  timeout?: number;
  json?: boolean;
  detach?: boolean;
}

/** `attune run` */
export function addRun(program: Command): void {
  const command = program.command("run")
    .description("run an action and show its output as it comes")
    .argument("<ref>", "the action, pack.name")
    .argument("[parameters...]", "key=value by the action's schema; key:=json")
    .option("--params <json>", "all parameters: JSON, @file, or - for stdin")
    .option("--env <NAME=value>", "a variable for the action", collect)
    .option("--timeout <seconds>", "end it after this time", parsePositive)
    .option("--json", "print the finished execution as JSON, not the output")
    .option("--detach", "print the id and do not wait");
  withExample(
    withApi(command),
    "attune run core.echo message=hello",
    'attune run core.http_request url=https://example.com headers:=\'{"accept":"*/*"}\'',
    "attune run core.sleep seconds=60 --detach",
  ).action(async (ref: string, args: string[], options: RunOptions) => {
    Deno.exitCode = await run(ref, args, options);
  });
}

async function run(
  ref: string,
  args: string[],
  options: RunOptions,
): Promise<ExitCode> {
  const api = await open(options);
  const action = await getAction(api, ref);
  const parameters = await readParameters(args, action, options);
  const { data: { id } } = await api.post<DataAnswer<Execution>>(
    "/api/v1/executions/execute",
    {
      action_ref: ref,
      parameters,
      ...(options.env && { env_vars: readEnv(options.env) }),
      ...(options.timeout && { timeout_seconds: options.timeout }),
    },
  );
  if (options.detach) {
    if (options.json) await printData({ id }, "json");
    else await out(`${id}\n`);
    return EXIT.ok;
  }
  const { execution, left } = await waitForEnd(api, id, {
    showStdout: !options.json,
  });
  if (left) return EXIT.interrupted;
  if (options.json) await printData(execution, "json");
  return execution.status === "completed" ? EXIT.ok : EXIT.failed;
}

async function getAction(api: Connection, ref: string): Promise<Action> {
  try {
    const path = `/api/v1/actions/${encodeURIComponent(ref)}`;
    return (await api.get<DataAnswer<Action>>(path)).data;
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== EXIT.refused) {
      throw error;
    }
    const { items } = await api.get<{ items: ActionSummary[] }>(
      "/api/v1/actions",
      { page_size: 100 },
    );
    const near = didYouMean(ref, items.map((item) => item.ref));
    if (near === undefined) throw error;
    throw new CliError(
      error.exitCode,
      `${error.message}; did you mean "${near}"?`,
    );
  }
}

async function readParameters(
  args: string[],
  { param_schema }: Action,
  { params }: RunOptions,
): Promise<JsonObject> {
  const whole = params === undefined ? {} : await readWhole(params);
  const { values, warnings } = parseParameters(args, param_schema);
  const colors = colorsFor(Deno.stderr);
  for (
    const warning of [...unknownParameters(whole, param_schema), ...warnings]
  ) {
    // deno-lint-ignore no-await-in-loop -- lines in order
    await err(`${colors.yellow("warning")}: ${warning}\n`);
  }
  return { ...whole, ...values };
}

async function readWhole(params: string): Promise<JsonObject> {
  const text = await textOf(params);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageError(`--params is not JSON: ${(error as Error).message}`);
  }
  if (!isObject(value)) {
    throw usageError(`--params must be a JSON object, like '{"a":1}'`);
  }
  return value as JsonObject;
}

async function textOf(params: string): Promise<string> {
  if (params === "-") return await new Response(Deno.stdin.readable).text();
  if (!params.startsWith("@")) return params;
  const file = params.slice(1);
  const { resolve } = await import("node:path");
  try {
    return await Deno.readTextFile(resolve(userDirectory(), file));
  } catch (error) {
    throw usageError(
      `Cannot read the parameters in "${file}": ${(error as Error).message}`,
    );
  }
}

function readEnv(pairs: string[]): Record<string, string> {
  return Object.fromEntries(pairs.map((pair) => {
    const equals = pair.indexOf("=");
    if (equals < 1) {
      throw usageError(`--env must be NAME=value: current value is "${pair}"`);
    }
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  }));
}
