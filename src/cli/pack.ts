import { resolve } from "node:path";
import type { Command } from "commander";
import {
  type ApiOptions,
  open,
  userDirectory,
  withApi,
  withExample,
} from "./command.ts";
import { type Format, printList, printOne, withFormat } from "./output.ts";
import { sayLoaded } from "./pack_loaded.ts";
import { addPackUpload } from "./pack_upload.ts";
import type { DataAnswer, PackSummary } from "./wire.ts";

/** `attune pack ...` */
export function addPack(program: Command): void {
  const group = program.command("pack").alias("packs")
    .description("packs of actions");
  withExample(
    withFormat(withApi(group.command("list").description("all, by ref"))),
    "attune pack list",
  ).action(async (options: ApiOptions & { output: Format }) => {
    const api = await open(options);
    const { items } = await api.get<{ items: PackSummary[] }>(
      "/api/v1/packs",
      { page_size: 100 },
    );
    await printList(items, {
      format: options.output,
      columns: [
        { name: "ref", cell: (p) => p.ref },
        { name: "version", cell: (p) => p.version },
        { name: "description", cell: (p) => p.description ?? p.label },
      ],
      empty: "No packs. Load one with: attune pack register DIR",
    });
  });
  const show = group.command("show").alias("get").description("one pack")
    .argument("<ref>", "the pack");
  withExample(withFormat(withApi(show)), "attune pack show core")
    .action(async (ref: string, options: ApiOptions & { output: Format }) => {
      const api = await open(options);
      const { data } = await api.get<DataAnswer<PackSummary>>(
        `/api/v1/packs/${encodeURIComponent(ref)}`,
      );
      await printOne(data, options.output);
    });
  addRegister(group);
  addPackUpload(group);
}

function addRegister(group: Command): void {
  const command = group.command("register")
    .description("load a pack from a directory that the server can read")
    .argument("<dir>", "directory with a pack.yaml")
    .option("--force", "replace what was loaded before");
  withExample(withApi(command), "attune pack register ./hello --force")
    .action(async (dir: string, options: ApiOptions & { force?: boolean }) => {
      const api = await open(options);
      const answer = await api.post<DataAnswer<PackSummary>>(
        "/api/v1/packs/register",
        {
          path: resolve(userDirectory(), dir),
          force: options.force === true,
        },
      );
      await sayLoaded(answer.data);
    });
}
