import type { Bus } from "../bus/bus.ts";
import { type ExecutionChange, NUDGE } from "../domain/changes.ts";

type Handler = (changes: ExecutionChange[]) => void;

/** What happens right now, for everybody of this process who watches. */
export interface Live extends AsyncDisposable {
  /** Aborts when the server stops: streams end. Dispose of Live before waiting for open requests. */
  readonly closed: AbortSignal;
  /** Called with every batch of changes, in order; must not throw. */
  onChange(handler: Handler): Disposable;
  /** Called when an execution changed or its log grew; must not throw. */
  onExecution(id: number, handler: () => void): Disposable;
}

/** One watch on the bus per process, however many clients follow. */
export async function openLive(bus: Bus): Promise<Live> {
  const closed = new AbortController();
  const all = new Set<Handler>();
  const byExecution = new Map<number, Set<() => void>>();
  await using undo = new AsyncDisposableStack();

  function wake(id: number) {
    for (const handler of byExecution.get(id) ?? []) handler();
  }

  undo.use(
    await bus.watch<{ changes: ExecutionChange[] }>(
      NUDGE.changed,
      ({ changes }) => {
        for (const handler of all) handler(changes);
        for (const { id } of changes) wake(id);
      },
    ),
  );
  undo.use(await bus.watch<{ id: number }>(NUDGE.log, ({ id }) => wake(id)));
  const open = undo.move();
  return {
    closed: closed.signal,
    onChange(handler) {
      all.add(handler);
      return { [Symbol.dispose]: () => void all.delete(handler) };
    },
    onExecution(id, handler) {
      const handlers = byExecution.get(id) ?? new Set();
      byExecution.set(id, handlers.add(handler));
      return {
        [Symbol.dispose]() {
          handlers.delete(handler);
          if (handlers.size === 0) byExecution.delete(id);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      closed.abort(new Error("The server is stopping"));
      await open.disposeAsync();
    },
  };
}
