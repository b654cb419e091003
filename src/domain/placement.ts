/** Where work may go (packs.md 2.6, api.md 4.7). */
export interface Toleration {
  key: string;
  operator: "equal" | "exists";
  value?: string;
  effect?: "no_schedule" | "prefer_no_schedule";
}

export interface MatchExpression {
  key: string;
  operator: "in" | "not_in" | "exists" | "does_not_exist";
  values: string[];
}

export interface AffinityTerm {
  match_labels: Record<string, string>;
  match_expressions: MatchExpression[];
}

export interface Affinity {
  required: AffinityTerm[];
  preferred: { weight: number; preference: AffinityTerm }[];
  anti_affinity: AffinityTerm[];
}

export interface Taint {
  key: string;
  value?: string;
  effect: "no_schedule" | "prefer_no_schedule";
}

export const NO_AFFINITY: Affinity = Object.freeze({
  required: [],
  preferred: [],
  anti_affinity: [],
});
