import { setTimeout as delay } from "node:timers/promises";
import type { Connection } from "./connection.ts";
import { readEvents } from "./event_stream.ts";
import { CliError, EXIT } from "./exit.ts";
import type { DataAnswer, Execution, ExecutionSummary } from "./wire.ts";

export interface FollowOptions {
  stdout: (text: string) => Promise<void>;
  stderr: (text: string) => Promise<void>;
  signal: AbortSignal;
}

/** How long a lost connection is tried again, from one success to the next. */
const PATIENCE_MS = 60_000;

/** Passes on both streams of an execution as they grow; answers with it once it has ended. */
export async function followExecution(
  api: Connection,
  id: number,
  { stdout, stderr, signal }: FollowOptions,
): Promise<Execution> {
  await Promise.all([
    followLog(api, { id, stream: "stdout", write: stdout, signal }),
    followLog(api, { id, stream: "stderr", write: stderr, signal }),
  ]);
  return getExecution(api, id);
}

/** One execution as the API shows it. */
export async function getExecution(
  api: Connection,
  id: number,
): Promise<Execution> {
  const { data } = await api.get<DataAnswer<Execution>>(
    `/api/v1/executions/${id}`,
  );
  return data;
}

/** The attempt that comes after `execution`, if it is to be retried. */
export async function nextAttempt(
  api: Connection,
  execution: Execution,
): Promise<ExecutionSummary | undefined> {
  const { items } = await api.get<{ items: ExecutionSummary[] }>(
    "/api/v1/executions",
    {
      original_execution: execution.original_execution ?? execution.id,
      per_page: 100,
    },
  );
  return items.find((item) => item.attempt === execution.attempt + 1);
}

export interface FollowLogOptions {
  id: number;
  stream: "stdout" | "stderr";
  write: (text: string) => Promise<void>;
  signal: AbortSignal;
  /** End at the first pause instead of the end of the execution. */
  onlyWhatExists?: boolean;
}

/** Writes a stream from its first byte, over lost connections without loss or repetition. */
export async function followLog(
  api: Connection,
  { id, stream, write, signal, onlyWhatExists = false }: FollowLogOptions,
): Promise<void> {
  let offset = 0;
  let failingSince: number | undefined;
  while (true) {
    try {
      // deno-lint-ignore no-await-in-loop -- again only after the connection was lost
      const answer = await api.request(
        "GET",
        `/api/v1/executions/${id}/logs/${stream}/stream`,
        { query: { offset }, signal },
      );
      for await (const { event, data, id: end } of readEvents(answer.body!)) {
        failingSince = undefined;
        if (event === "content" || event === "append") {
          await write(data);
          if (end !== undefined) offset = Number(end);
        } else if (event === "done") return;
        else if (event === "waiting" && onlyWhatExists) return;
      }
    } catch (error) {
      const lost = error instanceof CliError
        ? error.exitCode === EXIT.unreachable
        : error instanceof TypeError;
      if (!lost || signal.aborted) throw error;
      failingSince ??= Date.now();
      if (Date.now() - failingSince > PATIENCE_MS) throw error;
    }
    // deno-lint-ignore no-await-in-loop -- a pause between two tries
    await delay(500, undefined, { signal });
  }
}
