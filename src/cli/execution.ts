import type { Command } from "commander";
import { EXECUTION_STATUSES, isTerminal } from "../domain/execution.ts";
import { Option } from "commander";
import { addExecutionLogs } from "./execution_logs.ts";
import {
  type ApiOptions,
  open,
  parseId,
  parsePositive,
  withApi,
  withExample,
} from "./command.ts";
import { getExecution } from "./follow_execution.ts";
import { type Format, printList, printOne, withFormat } from "./output.ts";
import type { Column } from "./table.ts";
import { colorsFor, out } from "./terminal.ts";
import { ago, duration } from "./times.ts";
import type { DataAnswer, Execution, ExecutionSummary } from "./wire.ts";

interface ListOptions extends ApiOptions {
  output: Format;
  action?: string;
  pack?: string;
  status?: string;
  limit: number;
  page: number;
}

/** `attune execution ...` */
export function addExecution(program: Command): void {
  const group = program.command("execution").alias("executions")
    .description("what ran, runs and waits");
  addList(group);
  addGet(group);
  addExecutionLogs(group);
  addCancel(group);
}

function addList(group: Command): void {
  const command = group.command("list").description("newest first")
    .option("--action <ref>", "of this action; * is a wildcard")
    .option("--pack <ref>", "of the actions of this pack")
    .addOption(
      new Option("--status <status>", "in this state")
        .choices([...EXECUTION_STATUSES]),
    )
    .option("--limit <n>", "how many, at most 100", parsePositive, 20)
    .option("--page <n>", "which page", parsePositive, 1);
  withExample(
    withFormat(withApi(command)),
    "attune execution list --status failed --limit 5",
  ).action(async (options: ListOptions) => {
    const api = await open(options);
    const { items } = await api.get<{ items: ExecutionSummary[] }>(
      "/api/v1/executions",
      {
        action_ref: options.action,
        pack_name: options.pack,
        status: options.status,
        per_page: options.limit,
        page: options.page,
      },
    );
    await printList(items, {
      format: options.output,
      columns: columns(),
      empty:
        "No executions. Start one with: attune run core.echo message=hello",
    });
  });
}

function columns(): Column<ExecutionSummary>[] {
  return [
    { name: "id", cell: (e) => String(e.id) },
    { name: "action", cell: (e) => e.action_ref },
    { name: "status", cell: (e) => e.status, paint: paintStatus() },
    { name: "reason", cell: (e) => e.reason ?? "" },
    { name: "attempt", cell: (e) => String(e.attempt) },
    { name: "created", cell: (e) => ago(e.created) },
    { name: "took", cell: (e) => duration(e.started_at, e.finished_at) },
  ];
}

function paintStatus() {
  const colors = colorsFor();
  return (text: string, { status }: ExecutionSummary) => {
    if (status === "completed") return colors.green(text);
    return isTerminal(status) ? colors.red(text) : colors.cyan(text);
  };
}

function addGet(group: Command): void {
  const command = group.command("get").alias("show")
    .description("one execution and its result")
    .argument("<id>", "its id", parseId);
  withExample(
    withFormat(withApi(command)),
    "attune execution get 12",
    "attune execution get 12 -o json",
  ).action(async (id: number, options: ApiOptions & { output: Format }) => {
    await printOne(await getExecution(await open(options), id), options.output);
  });
}

function addCancel(group: Command): void {
  const command = group.command("cancel")
    .description("stop an execution; a running one gets SIGTERM first")
    .argument("<id>", "its id", parseId);
  withExample(withApi(command), "attune execution cancel 12")
    .action(async (id: number, options: ApiOptions) => {
      const api = await open(options);
      const { data } = await api.post<DataAnswer<Execution>>(
        `/api/v1/executions/${id}/cancel`,
      );
      await out(`execution ${id} ${data.status}\n`);
    });
}
