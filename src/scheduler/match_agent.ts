import type { Capabilities } from "../domain/agent_protocol.ts";
import type {
  AffinityTerm,
  MatchExpression,
  Taint,
  Toleration,
} from "../domain/placement.ts";
import type { Requirement } from "../domain/requirement.ts";
import { canonicalRuntime } from "../domain/runtime_name.ts";
import {
  type Constraint,
  parseConstraint,
} from "../domain/version_constraint.ts";

/** What matching looks at in a worker row. */
export interface Offer {
  role: "action" | "sensor";
  capabilities: Pick<
    Capabilities,
    "runtimes" | "runtime_versions" | "labels" | "taints"
  >;
}

export interface Match {
  /** False: this agent can never take it as it is. */
  ever: boolean;
  /** Each unmet condition in words that complete "no agent ..."; empty when `ever`. */
  unmet: Unmet[];
  /** Preference; more is better. Means nothing unless `ever`. */
  points: number;
}

export interface Unmet {
  /** Equal for equal conditions, whoever fails them. */
  condition: string;
  /** What the agent has instead, when that helps: exact versions. */
  offered: string[];
}

/** An untolerated `prefer_no_schedule` taint costs this many points. */
const SOFT_TAINT = 100;

/** Whether an agent could take work of a requirement (packs.md 2.6, 4.5). */
export function matchAgent(requirement: Requirement, offer: Offer): Match {
  const { labels = {}, taints = [] } = offer.capabilities;
  const { affinity, selector, tolerations } = requirement;
  const unmet: Unmet[] = [];
  const needs = (condition: string, offered: string[] = []) =>
    unmet.push({ condition, offered });

  if (offer.role !== "action") needs("runs actions");
  for (const [name, constraint] of runtimesOf(requirement)) {
    const fault = unmetRuntime(name, constraint, offer);
    if (fault !== undefined) unmet.push(fault);
  }
  for (const [key, value] of Object.entries(selector)) {
    if (labels[key] !== value) needs(`has label ${key}=${value}`);
  }
  for (const taint of taints) {
    if (taint.effect === "no_schedule" && !tolerates(tolerations, taint)) {
      needs(`is free of taint ${describeTaint(taint)}`);
    }
  }
  if (
    affinity.required.length > 0 &&
    !affinity.required.some((term) => matchesTerm(term, labels))
  ) {
    needs(
      `matches required affinity ${
        affinity.required.map(describeTerm).join(" or ")
      }`,
    );
  }
  for (const term of affinity.anti_affinity) {
    if (matchesTerm(term, labels)) {
      needs(`is outside anti-affinity ${describeTerm(term)}`);
    }
  }
  return {
    ever: unmet.length === 0,
    unmet,
    points: points(requirement, labels, taints),
  };
}

function runtimesOf(requirement: Requirement): [string, string | null][] {
  return [
    [requirement.runtime, requirement.runtime_version],
    ...Object.entries(requirement.required_runtimes),
  ];
}

/** An agent that does not know the version it offers satisfies only `*`. */
function unmetRuntime(
  name: string,
  written: string | null,
  { capabilities }: Offer,
): Unmet | undefined {
  const { runtimes = [], runtime_versions = {} } = capabilities;
  const constraint = readConstraint(written);
  if (typeof constraint === "string") {
    return { condition: `offers ${name}: ${constraint}`, offered: [] };
  }
  const condition = `offers ${name}${
    constraint.any ? "" : ` ${constraint.text}`
  }`;
  const own = runtimes.find((r) => r === name || canonicalRuntime(r) === name);
  if (own === undefined) return { condition, offered: [] };
  if (constraint.any) return undefined;
  const versions = runtime_versions[own] ?? [];
  if (versions.some((version) => constraint.matches(version))) return undefined;
  return {
    condition,
    offered: versions.length === 0 ? ["version unknown"] : versions,
  };
}

/** The constraint, or why it is none: rows written before a rule existed must not stop the scheduler. */
function readConstraint(written: string | null): Constraint | string {
  try {
    return parseConstraint(written);
  } catch (error) {
    return (error as Error).message;
  }
}

function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some((t) =>
    t.key === taint.key &&
    (t.effect === undefined || t.effect === taint.effect) &&
    (t.operator === "exists" || (t.value ?? "") === (taint.value ?? ""))
  );
}

function matchesTerm(
  term: AffinityTerm,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(term.match_labels).every(([k, v]) => labels[k] === v) &&
    term.match_expressions.every((e) => matchesExpression(e, labels));
}

function matchesExpression(
  { key, operator, values }: MatchExpression,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "in":
      return value !== undefined && values.includes(value);
    case "not_in":
      return value === undefined || !values.includes(value);
    case "exists":
      return value !== undefined;
    case "does_not_exist":
      return value === undefined;
  }
}

function points(
  { affinity, tolerations }: Requirement,
  labels: Readonly<Record<string, string>>,
  taints: readonly Taint[],
): number {
  const preferred = affinity.preferred
    .filter(({ preference }) => matchesTerm(preference, labels))
    .reduce((sum, { weight }) => sum + weight, 0);
  const avoided = taints.filter((taint) =>
    taint.effect === "prefer_no_schedule" && !tolerates(tolerations, taint)
  );
  return preferred - SOFT_TAINT * avoided.length;
}

function describeTaint({ key, value, effect }: Taint): string {
  return `${key}${value === undefined ? "" : `=${value}`}:${effect}`;
}

function describeTerm(term: AffinityTerm): string {
  const labels = Object.entries(term.match_labels).map(([k, v]) => `${k}=${v}`);
  const expressions = term.match_expressions.map((e) =>
    e.operator === "exists" || e.operator === "does_not_exist"
      ? `${e.key} ${e.operator}`
      : `${e.key} ${e.operator} [${e.values.join(", ")}]`
  );
  return `(${[...labels, ...expressions].join(" and ") || "anything"})`;
}
