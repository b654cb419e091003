import { createHash } from "node:crypto";
import { canonicalJson } from "./json.ts";
import type { Affinity, Toleration } from "./placement.ts";

/**
 * Everything an execution needs of an agent. Equal requirements share one
 * work queue, whose name is their key.
 */
export interface Requirement {
  /** Canonical runtime name, or the name as written when nothing claims it. */
  runtime: string;
  /** Constraint as written; null = any version. */
  runtime_version: string | null;
  /** Canonical runtime name -> constraint or `*`. */
  required_runtimes: Record<string, string>;
  selector: Record<string, string>;
  tolerations: Toleration[];
  affinity: Affinity;
}

/** 16 hex digits that name the work queue of a requirement. */
export function requirementKey(requirement: Requirement): string {
  return createHash("sha256").update(canonicalJson(requirement)).digest("hex")
    .slice(0, 16);
}
