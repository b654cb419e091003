import type { Command } from "commander";
import {
  type ApiOptions,
  open,
  parseId,
  withApi,
  withExample,
} from "./command.ts";
import { type Format, printList, printOne, withFormat } from "./output.ts";
import { colorsFor, out } from "./terminal.ts";
import type { Worker } from "./wire.ts";

type Formatted = ApiOptions & { output: Format };

/** `attune worker ...` */
export function addWorker(program: Command): void {
  const group = program.command("worker").alias("workers")
    .description("the agents that run actions");
  withExample(
    withFormat(withApi(group.command("list").description("all, by name"))),
    "attune worker list",
  ).action(async (options: Formatted) => {
    const api = await open(options);
    const { items } = await api.get<{ items: Worker[] }>("/api/v1/workers", {
      page_size: 100,
    });
    const colors = colorsFor();
    await printList(items, {
      format: options.output,
      columns: [
        { name: "id", cell: (w) => String(w.id) },
        { name: "name", cell: (w) => w.name },
        {
          name: "health",
          cell: (w) => w.health_state,
          paint: (text, { health_state }) =>
            ["active", "busy"].includes(health_state)
              ? colors.green(text)
              : colors.red(text),
        },
        { name: "load", cell: loadOf },
        { name: "seen", cell: seenOf },
        { name: "runtimes", cell: runtimesOf },
      ],
      empty: "No agents. Start one with: attune agent",
    });
  });
  const show = group.command("show").alias("get").description("one agent")
    .argument("<id>", "its id", parseId);
  withExample(withFormat(withApi(show)), "attune worker show 1 -o yaml")
    .action(async (id: number, options: Formatted) => {
      const worker = await (await open(options)).get<Worker>(
        `/api/v1/workers/${id}`,
      );
      await printOne(worker, options.output);
    });
  const cordon = group.command("cordon")
    .description("give it no new work; what runs there goes on")
    .argument("<id>", "its id", parseId)
    .option("--reason <text>", "shown to others");
  withExample(withApi(cordon), 'attune worker cordon 1 --reason "disk change"')
    .action(async (id: number, options: ApiOptions & { reason?: string }) => {
      const { reason } = options;
      const body = reason === undefined ? {} : { reason };
      await change(id, "cordon", body, options);
    });
  const uncordon = group.command("uncordon").description("give it work again")
    .argument("<id>", "its id", parseId);
  withExample(withApi(uncordon), "attune worker uncordon 1")
    .action((id: number, options: ApiOptions) =>
      change(id, "uncordon", {}, options)
    );
}

async function change(
  id: number,
  verb: "cordon" | "uncordon",
  body: { reason?: string },
  options: ApiOptions,
): Promise<void> {
  const api = await open(options);
  const worker = await api.post<Worker>(`/api/v1/workers/${id}/${verb}`, body);
  await out(`worker ${worker.name} ${worker.health_state}\n`);
}

function loadOf({ load }: Worker): string {
  return `${load.total_active}/${load.max_concurrent_executions ?? "?"}`;
}

function seenOf({ heartbeat_age_seconds }: Worker): string {
  return heartbeat_age_seconds === null
    ? "never"
    : `${Math.round(heartbeat_age_seconds)}s ago`;
}

function runtimesOf({ supported_runtimes }: Worker): string {
  return supported_runtimes.map(({ name, versions }) =>
    [name, ...versions].join(" ")
  ).join(", ");
}
