import { setTimeout as delay } from "node:timers/promises";
import type { Connection } from "./connection.ts";
import { readEvents } from "./event_stream.ts";
import { CliError, EXIT } from "./exit.ts";
import { getExecution } from "./follow_execution.ts";
import type { Progress } from "./progress.ts";

const WAITS_MS = 2_000;

/** Keeps the progress line up to date; only decoration, so its failures are nobody's. */
export async function watchStates(
  api: Connection,
  id: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  if (!Deno.stderr.isTerminal()) return;
  while (!signal.aborted) {
    try {
      // deno-lint-ignore no-await-in-loop -- again when the connection ended
      const answer = await api.request("GET", "/api/v1/executions/stream", {
        query: { execution_id: id },
        signal,
      });
      for await (const { data } of readEvents(answer.body!)) {
        const { status } = JSON.parse(data) as { status: string };
        progress.state(status);
      }
      // deno-lint-ignore no-await-in-loop -- a pause between two tries
      await delay(500, undefined, { signal });
    } catch (error) {
      if (!(error instanceof CliError && error.exitCode !== EXIT.refused)) {
        return;
      }
      // deno-lint-ignore no-await-in-loop -- a pause between two tries
      await delay(500, undefined, { signal }).catch(() => {});
    }
  }
}

/** Replaces `requested` by the reason as long as no agent takes it; decoration as well. */
export async function sayWhyItWaits(
  api: Connection,
  id: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  if (!Deno.stderr.isTerminal()) return;
  try {
    while (true) {
      // deno-lint-ignore no-await-in-loop -- a look now and then
      await delay(WAITS_MS, undefined, { signal });
      // deno-lint-ignore no-await-in-loop -- a look now and then
      const { status, waiting_for } = await getExecution(api, id);
      if (status !== "requested") return;
      if (waiting_for) progress.state(`waiting for ${waiting_for}`);
    }
  } catch {
    // The attempt ended, or the connection did; the output says so.
  }
}
