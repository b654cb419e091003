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
  add(spec: ExecutionSpec): Attempt;
  remove(attempt: Attempt): void;
  has(id: number, attempt: number): boolean;
  get(id: number, attempt: number): Attempt | undefined;
  all(): Attempt[];
}

export const keyOf = ({ id, attempt }: { id: number; attempt: number }) =>
  `${id}.${attempt}`;

export function makeAttempts(): Attempts {
  const byKey = new Map<string, Attempt>();
  return {
    get size() {
      return byKey.size;
    },
    add(spec) {
      const stopping = new AbortController();
      const attempt: Attempt = {
        held: { id: spec.id, attempt: spec.attempt, lease: spec.lease },
        spec,
        signal: stopping.signal,
        stop: (reason) => stopping.abort(reason),
        leaseUntil: performance.now() + spec.lease_ms,
        gone: false,
      };
      byKey.set(keyOf(spec), attempt);
      return attempt;
    },
    remove(attempt) {
      if (byKey.get(keyOf(attempt.held)) === attempt) {
        byKey.delete(keyOf(attempt.held));
      }
    },
    has: (id, attempt) => byKey.has(keyOf({ id, attempt })),
    get: (id, attempt) => byKey.get(keyOf({ id, attempt })),
    all: () => [...byKey.values()],
  };
}
