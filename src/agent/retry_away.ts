import { ApiAway } from "./api_client.ts";
import { backOff, pause } from "./back_off.ts";

/** Does something again until the control plane answers, or throws the reason of `signal`. */
export async function retryAway<T>(
  act: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const waits = backOff(250, 5_000);
  for (;;) {
    signal.throwIfAborted();
    try {
      // deno-lint-ignore no-await-in-loop -- one try after the other
      return await act();
    } catch (error) {
      if (!(error instanceof ApiAway)) throw error;
    }
    // deno-lint-ignore no-await-in-loop -- the wait between two tries
    await pause(waits.next().value, signal);
  }
}
