import type { Log } from "../log.ts";
import { makePace, PACE_MS } from "../pace.ts";

/** Work that is done one step at a time whenever somebody asks for it. */
export interface Loop extends AsyncDisposable {
  /** Asks for a step soon; asking often is one wish. */
  wake(): void;
}

export interface LoopOptions {
  name: string;
  log: Log;
  /** Does one piece; true when there is more. A failure is logged and tried again. */
  step: () => Promise<boolean>;
  /** Milliseconds after a failure. */
  retryMs?: number;
}

/** Starts asleep. Disposing waits for the step under way. */
export function startLoop(
  { name, log, step, retryMs = 500 }: LoopOptions,
): Loop {
  const pace = makePace(PACE_MS);
  let running: Promise<void> | undefined;
  let wanted = false;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function run() {
    while (wanted && !stopped) {
      // deno-lint-ignore no-await-in-loop -- what is asked for meanwhile joins the step
      await pace();
      wanted = false;
      try {
        // deno-lint-ignore no-await-in-loop -- one step at a time
        if (await step()) wanted = true;
      } catch (error) {
        if (stopped) break;
        log.error(`${name} failed and is tried again`, { error });
        timer = setTimeout(wake, retryMs);
        break;
      }
    }
    running = undefined;
  }

  function wake() {
    wanted = true;
    if (stopped || running !== undefined) return;
    clearTimeout(timer);
    running = run();
  }

  return {
    wake,
    async [Symbol.asyncDispose]() {
      stopped = true;
      clearTimeout(timer);
      await running;
      clearTimeout(timer);
    },
  };
}
