import type { ExecutionSpec, Held } from "../domain/agent_protocol.ts";

/** Why the agent itself ends an attempt. */
export type StopReason =
  | { kind: "cancelled" }
  | { kind: "timed_out"; seconds: number }
  /** The lease cannot be kept: the control plane gives, or gave, the attempt to somebody else. */
  | { kind: "lost" }
  /** The agent stops and its patience is over. */
  | { kind: "stopping" };

/** One attempt this agent holds. */
export interface Attempt {
  readonly held: Held;
  readonly spec: ExecutionSpec;
  readonly signal: AbortSignal;
  /** Ends it; only the first reason counts. */
  stop(reason: StopReason): void;
  /** When the lease ends, in `performance.now()` time. */
  leaseUntil: number;
  /** Nothing of it may be reported any more. */
  gone: boolean;
}

/** Attempts that run now. */
export interface Attempts {
  readonly size: number;
  /** `claimedAt`: when the lease began at the earliest, in `performance.now()` time. */
  add(spec: ExecutionSpec, claimedAt: number): Attempt;
  remove(attempt: Attempt): void;
  has(id: number, attempt: number): boolean;
  get(id: number, attempt: number): Attempt | undefined;
  all(): Attempt[];
  /** Resolves when none is left. */
  idle(): Promise<void>;
}

export const keyOf = ({ id, attempt }: { id: number; attempt: number }) =>
  `${id}.${attempt}`;

export function makeAttempts(): Attempts {
  const byKey = new Map<string, Attempt>();
  let waiting: (() => void)[] = [];
  return {
    get size() {
      return byKey.size;
    },
    add(spec, claimedAt) {
      const stopping = new AbortController();
      const attempt: Attempt = {
        held: { id: spec.id, attempt: spec.attempt, lease: spec.lease },
        spec,
        signal: stopping.signal,
        stop: (reason) => stopping.abort(reason),
        leaseUntil: claimedAt + spec.lease_ms,
        gone: false,
      };
      byKey.set(keyOf(spec), attempt);
      return attempt;
    },
    remove(attempt) {
      if (byKey.get(keyOf(attempt.held)) === attempt) {
        byKey.delete(keyOf(attempt.held));
      }
      if (byKey.size > 0) return;
      for (const resolve of waiting) resolve();
      waiting = [];
    },
    has: (id, attempt) => byKey.has(keyOf({ id, attempt })),
    get: (id, attempt) => byKey.get(keyOf({ id, attempt })),
    all: () => [...byKey.values()],
    idle() {
      if (byKey.size === 0) return Promise.resolve();
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}
