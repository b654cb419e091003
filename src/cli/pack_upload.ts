import { basename, resolve } from "node:path";
import type { Command } from "commander";
import {
  type ApiOptions,
  open,
  userDirectory,
  withApi,
  withExample,
} from "./command.ts";
import { usageError } from "./exit.ts";
import { type LoadedAnswer, sayLoaded } from "./pack_loaded.ts";
import type { DataAnswer, PackSummary } from "./wire.ts";

/** `attune pack upload` */
export function addPackUpload(group: Command): void {
  const command = group.command("upload")
    .description("send a pack to the server")
    .argument("<path>", "directory with a pack.yaml, or a tar.gz of one")
    .option("--force", "replace what was loaded before");
  withExample(
    withApi(command),
    "attune pack upload ./hello",
    "attune pack upload hello.tar.gz --force",
  ).action(async (path: string, options: ApiOptions & { force?: boolean }) => {
    const api = await open(options);
    const form = new FormData();
    const full = resolve(userDirectory(), path);
    form.set("pack", await archiveOf(full), `${basename(full)}.tar.gz`);
    form.set("force", String(options.force === true));
    const answer = await api.request("POST", "/api/v1/packs/upload", { form });
    const { data } = await answer.json() as DataAnswer<
      LoadedAnswer & { pack: PackSummary }
    >;
    await sayLoaded(data.pack, data);
  });
}

async function archiveOf(path: string): Promise<Blob> {
  let isDirectory: boolean;
  try {
    isDirectory = (await Deno.stat(path)).isDirectory;
  } catch (error) {
    throw usageError(`Cannot read "${path}": ${(error as Error).message}`);
  }
  const type = "application/gzip";
  if (!isDirectory) return new Blob([await Deno.readFile(path)], { type });
  const { archiveTree } = await import("../packs/archive_tree.ts");
  return await new Response(archiveTree(path)).blob();
}
