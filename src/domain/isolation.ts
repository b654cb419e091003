/** What the kernel was made to enforce, or can be (api.md 5). Readers ignore unknown keys. */
export interface Isolation {
  level: "none" | "partial" | "full";
  /** Null on a worker: there it says what the host can apply. */
  policy: "off" | "best_effort" | "required" | null;
  layers: Record<string, unknown>;
  /** What was wanted and not applied, `layer: reason`. */
  degraded: string[];
}
