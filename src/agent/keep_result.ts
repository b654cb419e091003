import { type ArtifactAnswer, HELD_HEADERS } from "../domain/agent_protocol.ts";
import type { Outcome } from "../domain/execution.ts";
import type { Log } from "../log.ts";
import type { ApiClient } from "./api_client.ts";
import type { Attempt } from "./attempts.ts";
import { retryAway } from "./retry_away.ts";
import { oversize, shrinkResult } from "./shrink_result.ts";

const UPLOAD_TIMEOUT_MS = 60_000;
/** How long the control plane may be away before a result is kept without its large parts. */
const PATIENCE_MS = 10 * 60_000;

/** Stores a result over 512 KiB as an artifact and leaves a pointer in its place. */
export async function keepResult(
  outcome: Outcome,
  { held }: Attempt,
  { api, log }: { api: ApiClient; log: Log },
): Promise<Outcome> {
  const bytes = oversize(outcome.result);
  if (bytes === null) return outcome;
  try {
    const { artifact_ref } = await retryAway(
      () =>
        api.call<ArtifactAnswer>(`executions/${held.id}/result`, {
          bytes,
          headers: {
            "content-type": "application/json",
            [HELD_HEADERS.attempt]: String(held.attempt),
            [HELD_HEADERS.lease]: held.lease,
          },
          timeoutMs: UPLOAD_TIMEOUT_MS,
        }),
      AbortSignal.timeout(PATIENCE_MS),
    );
    const result = shrinkResult(outcome.result, artifact_ref);
    return { ...outcome, result };
  } catch (error) {
    log.warn("a large result could not be stored", { ...held, error });
    const result = shrinkResult(outcome.result, undefined);
    const message =
      `The result has ${bytes.length} bytes and could not be stored: ${
        error instanceof Error ? error.message : error
      }`;
    const warning = { code: "result_not_stored", message };
    result.warnings = [...result.warnings ?? [], warning];
    return { ...outcome, result };
  }
}
