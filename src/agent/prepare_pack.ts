import type { PhaseReport } from "../domain/agent_protocol.ts";
import { ApiAway, type ApiClient } from "./api_client.ts";
import type { Attempt } from "./attempts.ts";
import type { PackStore } from "./pack_store.ts";
import { retryAway } from "./retry_away.ts";
import { Refused } from "./runtimes/runtime.ts";

/**
 * The directory of the attempt's pack; null when it has no files. Only a
 * download is a preparing phase, and only when its end was acknowledged the
 * attempt may go on: null in `held` otherwise. Throws {@linkcode Refused}, or
 * the reason of the attempt's signal.
 */
export async function preparePack(
  { held, spec, signal }: Attempt,
  { api, packs }: { api: ApiClient; packs: PackStore },
): Promise<{ dir: string | null; held: boolean }> {
  const { pack_ref, pack_hash } = spec;
  if (pack_hash === null) return { dir: null, held: true };
  const dir = await packs.find(pack_ref, pack_hash);
  if (dir !== undefined) return { dir, held: true };

  const report = (phase: PhaseReport["phase"]) =>
    retryAway(
      () =>
        api.call<{ held: boolean }>("phase", {
          json: { ...held, phase } satisfies PhaseReport,
          signal,
        }),
      signal,
    );
  if (!(await report("preparing")).held) return { dir: null, held: false };
  const fetched = await fetchPack(packs, pack_ref, pack_hash, signal);
  const { held: still } = await report("started");
  return { dir: fetched, held: still };
}

async function fetchPack(
  packs: PackStore,
  ref: string,
  hash: string,
  signal: AbortSignal,
): Promise<string> {
  try {
    return await retryAway(() => packs.fetch(ref, hash), signal);
  } catch (error) {
    if (signal.aborted || error instanceof ApiAway) throw error;
    throw new Refused(
      "error",
      `The pack ${ref} could not be fetched: ${(error as Error).message}`,
    );
  }
}
