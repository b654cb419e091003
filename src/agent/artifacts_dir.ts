import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ArtifactAnswer, HELD_HEADERS } from "../domain/agent_protocol.ts";
import type { Log } from "../log.ts";
import { type ApiClient, ApiRefused } from "./api_client.ts";
import type { Attempt } from "./attempts.ts";
import { removeTree } from "./remove_tree.ts";

/** The API takes no larger file. */
const FILE_MAX = 50 * 1024 * 1024;
const UPLOAD_TIMEOUT_MS = 120_000;
const KEEP_MS = 24 * 3600 * 1000;

/**
 * The artifacts directory of an attempt: what earlier attempts of its chain
 * left below `root` on this machine, else the `fresh` one.
 */
export function artifactsDirOf(
  { id, attempt, chain_id }: { id: number; attempt: number; chain_id: number },
  { root, fresh }: { root: string; fresh: string },
): string {
  if (attempt === 1 && chain_id === id) return fresh;
  const kept = join(root, String(chain_id));
  try {
    return Deno.statSync(kept).isDirectory ? kept : fresh;
  } catch {
    return fresh;
  }
}

export function isEmpty(dir: string): boolean {
  try {
    return readdirSync(dir).length === 0;
  } catch {
    return true;
  }
}

/** Keeps `dir` as the directory of the chain, for its next attempt. */
export async function keepForChain(
  dir: string,
  { root, chainId }: { root: string; chainId: number },
): Promise<void> {
  const kept = join(root, String(chainId));
  if (dir === kept) return;
  await Deno.mkdir(root, { recursive: true });
  await removeTree(kept);
  try {
    await Deno.rename(dir, kept);
  } catch {
    // Another file system.
    await copyTree(dir, kept);
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { path } of filesIn(from, "")) {
    const target = join(to, path);
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.copyFile(join(from, path), target);
  }
}

/** What of a directory could not be uploaded, as warnings for the result. */
export interface UploadFault {
  code: "artifact_not_stored";
  message: string;
}

/** Uploads every file of the directory; files that nobody allocated are the API's to refuse. */
export async function uploadArtifacts(
  dir: string,
  { api, attempt, log }: { api: ApiClient; attempt: Attempt; log: Log },
): Promise<UploadFault[]> {
  const faults: UploadFault[] = [];
  const fault = (path: string, why: string) =>
    faults.push({
      code: "artifact_not_stored",
      message: `The file "${path}" was not stored as an artifact: ${why}`,
    });
  for await (const { path, size } of filesIn(dir, "")) {
    if (size === 0) continue;
    if (size > FILE_MAX) {
      fault(path, `it has ${size} bytes, at most ${FILE_MAX} are possible`);
      continue;
    }
    try {
      await upload(join(dir, path), path, { api, attempt });
    } catch (error) {
      if (error instanceof ApiRefused && error.status === 404) {
        log.debug("a file was not allocated as an artifact", { path });
        continue;
      }
      fault(path, error instanceof Error ? error.message : String(error));
    }
  }
  return faults;
}

async function upload(
  file: string,
  path: string,
  { api, attempt: { held } }: { api: ApiClient; attempt: Attempt },
): Promise<void> {
  const opened = await Deno.open(file);
  const name = path.split("/").map(encodeURIComponent).join("/");
  await api.call<ArtifactAnswer>(`executions/${held.id}/artifacts/${name}`, {
    method: "PUT",
    bytes: opened.readable,
    headers: {
      [HELD_HEADERS.attempt]: String(held.attempt),
      [HELD_HEADERS.lease]: held.lease,
    },
    timeoutMs: UPLOAD_TIMEOUT_MS,
  });
}

async function* filesIn(
  root: string,
  below: string,
): AsyncGenerator<{ path: string; size: number }> {
  for await (const entry of Deno.readDir(join(root, below))) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory) yield* filesIn(root, path);
    // A link could name any file the agent may read.
    else if (entry.isFile) {
      const { size } = await Deno.lstat(join(root, path));
      yield { path, size };
    }
  }
}

/** Removes directories of chains that nothing was written to for a day. */
export async function removeOldArtifacts(root: string): Promise<void> {
  const before = Date.now() - KEEP_MS;
  try {
    for await (const { name } of Deno.readDir(root)) {
      const { mtime } = await Deno.stat(join(root, name));
      if (mtime !== null && mtime.getTime() < before) {
        await removeTree(join(root, name));
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
