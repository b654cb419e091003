import { join } from "node:path";
import type { VersionRow } from "../db/artifact.ts";
import { findLogAttempt, readLog } from "../db/execution_log.ts";
import type { ApiDeps } from "./env.ts";

export interface Content {
  body: ReadableStream<Uint8Array>;
  /** Undefined when it is not known beforehand. */
  size?: number;
}

/** How long a file that was recorded may take to appear on a shared volume. */
const APPEAR_MS = 500;

/** The exact bytes of a version; undefined when there are none (any more). */
export async function openContent(
  { db, settings }: Pick<ApiDeps, "db" | "settings">,
  version: VersionRow,
): Promise<Content | undefined> {
  const { log_stream: stream, execution, file_path, content_json } = version;
  if (stream !== null && execution !== null) {
    const attempt = await findLogAttempt(db, { execution, stream });
    return attempt === undefined
      ? undefined
      : { body: logBytes(db, { execution, attempt, stream, from: 0 }) };
  }
  if (file_path !== null) return await openFile(settings, file_path);
  if (content_json === null) return undefined;
  const bytes = new TextEncoder().encode(JSON.stringify(content_json));
  return { body: new Blob([bytes]).stream(), size: bytes.length };
}

function logBytes(
  db: ApiDeps["db"],
  range: Parameters<typeof readLog>[1],
): ReadableStream<Uint8Array> {
  let { from } = range;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { offset, data } = await readLog(db, { ...range, from });
      from = offset + data.length;
      if (data.length === 0) controller.close();
      else controller.enqueue(data);
    },
  }, { highWaterMark: 0 });
}

async function openFile(
  { artifactsDir }: ApiDeps["settings"],
  relativePath: string,
): Promise<Content | undefined> {
  const path = join(artifactsDir, relativePath);
  const file = await openOrNone(path) ??
    await later(APPEAR_MS, () => openOrNone(path));
  if (file === undefined) return undefined;
  const { size } = await file.stat();
  return { body: file.readable, size };
}

async function openOrNone(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function later<T>(ms: number, act: () => Promise<T>): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return await act();
}
