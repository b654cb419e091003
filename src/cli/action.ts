import type { Command } from "commander";
import { isObject, type JsonObject } from "../domain/json.ts";
import { toJsonSchema } from "../domain/param_schema.ts";
import { type ApiOptions, open, withApi, withExample } from "./command.ts";
import type { Connection } from "./connection.ts";
import { type Format, printList, printOne, withFormat } from "./output.ts";
import { renderTable } from "./table.ts";
import { out, terminalWidth } from "./terminal.ts";
import type { Action, ActionSummary, DataAnswer } from "./wire.ts";

interface ListOptions extends ApiOptions {
  output: Format;
  pack?: string;
}

/** `attune action ...` */
export function addAction(program: Command): void {
  const group = program.command("action").alias("actions")
    .description("what can be run");
  const list = group.command("list").description("all actions, by ref")
    .option("--pack <ref>", "of this pack");
  withExample(withFormat(withApi(list)), "attune action list --pack core")
    .action(async (options: ListOptions) => {
      const items = await allActions(await open(options), options.pack);
      await printList(items, {
        format: options.output,
        columns: [
          { name: "ref", cell: (a) => a.ref },
          {
            name: "runtime",
            cell: (a) => a.runtime_ref?.replace(/^core\./, "") ?? "",
          },
          { name: "description", cell: (a) => a.description ?? a.label },
        ],
        empty: "No actions. Load a pack with: attune pack register DIR",
      });
    });
  const show = group.command("show").alias("get")
    .description("one action and its parameters")
    .argument("<ref>", "the action, pack.name");
  withExample(withFormat(withApi(show)), "attune action show core.echo")
    .action(async (ref: string, options: ApiOptions & { output: Format }) => {
      const api = await open(options);
      const { data } = await api.get<DataAnswer<Action>>(
        `/api/v1/actions/${encodeURIComponent(ref)}`,
      );
      if (options.output !== "table") return printOne(data, options.output);
      const { param_schema, ...rest } = data;
      await printOne(rest, "table");
      if (param_schema !== null) await printParameters(param_schema);
    });
}

async function allActions(
  api: Connection,
  pack: string | undefined,
): Promise<ActionSummary[]> {
  const path = pack === undefined
    ? "/api/v1/actions"
    : `/api/v1/packs/${encodeURIComponent(pack)}/actions`;
  const all: ActionSummary[] = [];
  for (let page = 1;; page++) {
    // deno-lint-ignore no-await-in-loop -- pages follow one another
    const { items, pagination } = await api.get<{
      items: ActionSummary[];
      pagination: { has_next: boolean };
    }>(path, { page, page_size: 100 });
    all.push(...items);
    if (!pagination.has_next) return all;
  }
}

async function printParameters(schema: JsonObject): Promise<void> {
  const { properties, required } = toJsonSchema(schema);
  const rows = Object.entries(isObject(properties) ? properties : {})
    .map(([name, attributes]) => ({
      name,
      attributes: isObject(attributes) ? attributes : {},
    }));
  if (rows.length === 0) return;
  const must = Array.isArray(required) ? required : [];
  const table = renderTable(rows, [
    { name: "parameter", cell: (p) => p.name },
    { name: "type", cell: (p) => String(p.attributes.type ?? "any") },
    { name: "required", cell: (p) => must.includes(p.name) ? "yes" : "" },
    {
      name: "default",
      cell: (p) =>
        p.attributes.default === undefined
          ? ""
          : JSON.stringify(p.attributes.default),
    },
    {
      name: "description",
      cell: (p) => String(p.attributes.description ?? ""),
    },
  ], { width: terminalWidth() });
  await out(`\n${table}`);
}
