import { aborted } from "../lifecycle.ts";
import type { Log } from "../log.ts";
import type { Sweeper } from "../process/descendants.ts";
import type { ApiClient } from "./api_client.ts";
import type { Attempts } from "./attempts.ts";
import { pause } from "./back_off.ts";
import type { Heart } from "./heartbeat.ts";
import type { OutcomeSpool } from "./outcome_spool.ts";
import type { Intake } from "./take_work.ts";

export interface Stopping {
  intake: Intake;
  heart: Heart;
  attempts: Attempts;
  spool: OutcomeSpool;
  sweeper: Sweeper;
  api: ApiClient;
  /** Runs under way, and what else must end before the agent may. */
  background: ReadonlySet<Promise<unknown>>;
  shutdownTimeoutMs: number;
  killGraceMs: number;
  /** Patience ends at once when it aborts. */
  hard: AbortSignal | undefined;
  log: Log;
}

/** How long outcomes may take to leave before they are written down for the next life. */
const SEND_MS = 5_000;
const GOODBYE_MS = 2_000;

/** Soft: nothing new, what runs may end. Then hard: it is ended and reported. */
export async function stopAgent(agent: Stopping): Promise<void> {
  const { intake, heart, attempts, log } = agent;
  const closed = intake.close();
  heart.soon();
  if (attempts.size > 0) {
    log.info("stopping; waiting for what runs", { running: attempts.size });
    await waitUntilIdle(agent);
  }
  const left = attempts.all();
  if (left.length > 0) {
    log.warn("ending what still runs", {
      executions: left.map(({ held }) => held.id),
    });
    for (const attempt of left) attempt.stop({ kind: "stopping" });
  }
  await closed;
  // Claims that were under way may have brought more.
  for (const attempt of attempts.all()) attempt.stop({ kind: "stopping" });
  while (agent.background.size > 0) {
    // deno-lint-ignore no-await-in-loop -- ending one thing may begin another
    await Promise.allSettled(agent.background);
  }
  await agent.spool.drained(AbortSignal.timeout(SEND_MS));
  const swept = new AbortController();
  const impatient = [swept.signal, ...(agent.hard ? [agent.hard] : [])];
  await Promise.race([
    agent.sweeper.swept({ soon: true }).finally(() => swept.abort()),
    pause(agent.killGraceMs + 1_000, AbortSignal.any(impatient)),
  ]);
  await heart[Symbol.asyncDispose]();
  await agent.api.call("goodbye", { json: {}, timeoutMs: GOODBYE_MS })
    .catch((error) => log.debug("no goodbye", { error }));
}

async function waitUntilIdle(
  { attempts, shutdownTimeoutMs, hard }: Stopping,
): Promise<void> {
  const over = AbortSignal.timeout(shutdownTimeoutMs);
  const until = hard === undefined ? over : AbortSignal.any([over, hard]);
  await Promise.race([attempts.idle(), aborted(until)]);
}
