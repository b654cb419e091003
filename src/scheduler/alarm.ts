/** Rings once at the earliest of the times asked for. */
export interface Alarm extends Disposable {
  /** Asks to ring in `ms` milliseconds, or earlier if that was asked for. */
  ring(ms: number): void;
}

/** Longer waits ring early, which must do no harm; setTimeout holds no more than 24 days. */
const MOST_MS = 3_600_000;

export function makeAlarm(onRing: () => void): Alarm {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let at = Infinity;
  return {
    ring(ms) {
      // A timer may fire a little early; then nothing would be due yet.
      const wait = Math.min(Math.max(0, Math.ceil(ms)) + 1, MOST_MS);
      if (performance.now() + wait >= at) return;
      clearTimeout(timer);
      at = performance.now() + wait;
      timer = setTimeout(() => {
        at = Infinity;
        onRing();
      }, wait);
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      at = -Infinity;
    },
  };
}
