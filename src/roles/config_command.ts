import { type Command, Option } from "commander";
import { withExample } from "../cli/command.ts";
import {
  type Format,
  printData,
  printList,
  withFormat,
} from "../cli/output.ts";
import { out } from "../cli/terminal.ts";

interface ShowOptions {
  output: Format;
  json?: boolean;
  for: "start" | "servers";
}

/** `attune config ...` */
export function addConfig(program: Command): void {
  const group = program.command("config")
    .description("the effective configuration and where it comes from");
  const show = group.command("show")
    .description("every key, its value and who set it; secrets are masked")
    .option("--json", "the same as -o json")
    .addOption(
      new Option("--for <role>", "as this role sees it: start, or the others")
        .choices(["start", "servers"]).default("servers"),
    );
  withExample(withFormat(show), "attune config show --for start")
    .action(showConfig);
  withExample(
    group.command("reference").description("a table of all keys, in Markdown"),
    "attune config reference",
  ).action(async () => {
    const { configReference } = await import("../config/show.ts");
    await out(configReference());
  });
}

async function showConfig(options: ShowOptions): Promise<void> {
  const [{ loadConfig }, { shownValues }, { startPreset }] = await Promise.all([
    import("../config.ts"),
    import("../config/show.ts"),
    import("../start/preset.ts"),
  ]);
  const loaded = loadConfig({
    env: Deno.env.toObject(),
    cwd: Deno.cwd(),
    ...(options.for === "start" && { preset: startPreset }),
  });
  const values = shownValues(loaded);
  const format = options.json ? "json" : options.output;
  if (format !== "table") return printData(values, format);
  await printList(values, {
    format,
    columns: [
      { name: "key", cell: (v) => v.key },
      { name: "value", cell: (v) => textOf(v.value) },
      { name: "source", cell: (v) => v.source },
    ],
    empty: "",
  });
}

function textOf(value: unknown): string {
  if (value === null) return "-";
  return typeof value === "string" ? value : JSON.stringify(value);
}
