import { join } from "node:path";
import { type ArtifactAnswer, HELD_HEADERS } from "../domain/agent_protocol.ts";
import type { Log } from "../log.ts";
import { type ApiClient, ApiRefused } from "./api_client.ts";
import type { Attempt } from "./attempts.ts";
import { removeTree } from "./work_dir.ts";

/** The API takes no larger file. */
const FILE_MAX = 50 * 1024 * 1024;
const UPLOAD_TIMEOUT_MS = 120_000;
const KEEP_MS = 24 * 3600 * 1000;

/** The directory of an execution chain: a retry on this machine finds what earlier attempts wrote. */
export function makeArtifactsDir(root: string, chainId: number): string {
  const path = join(root, String(chainId));
  try {
    Deno.mkdirSync(path, { mode: 0o755 });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      Deno.mkdirSync(path, { recursive: true, mode: 0o755 });
    } else if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  return path;
}

/** Removes the directory if nothing is in it; true when it is gone. */
export function removeIfEmpty(dir: string): boolean {
  try {
    Deno.removeSync(dir);
    return true;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
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
      const { id, attempt: number, lease } = attempt.held;
      const file = await Deno.open(join(dir, path));
      await api.call<ArtifactAnswer>(
        `executions/${id}/artifacts/${
          path.split("/").map(encodeURIComponent).join("/")
        }`,
        {
          method: "PUT",
          bytes: file.readable,
          headers: {
            [HELD_HEADERS.attempt]: String(number),
            [HELD_HEADERS.lease]: lease,
          },
          timeoutMs: UPLOAD_TIMEOUT_MS,
        },
      );
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
      if (!/^\d+$/.test(name)) continue;
      const { mtime } = await Deno.stat(join(root, name));
      if (mtime !== null && mtime.getTime() < before) {
        await removeTree(join(root, name));
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
