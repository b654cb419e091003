import type { JsonObject } from "../domain/json.ts";
import type { NamedRuntime } from "../domain/resolve_runtime.ts";

/**
 * What the control plane knows besides the pack being read. Every absent part
 * means "not known", and nothing is called missing because of it.
 */
export interface Known {
  /** Installed packs: ref -> version. */
  packs?: ReadonlyMap<string, string> | undefined;
  /** Runtime rows of other packs. */
  runtimes?: readonly KnownRuntime[] | undefined;
  /** Triggers of other packs, and ad-hoc ones: ref -> schema of their parameters. */
  triggers?: ReadonlyMap<string, JsonObject | null> | undefined;
  /** Actions of other packs, and ad-hoc ones: ref -> schema of their parameters. */
  actions?: ReadonlyMap<string, JsonObject | null> | undefined;
  /** Canonical names of the runtimes that registered agents offer -> exact versions. */
  offered?: ReadonlyMap<string, readonly string[]> | undefined;
}

export interface KnownRuntime extends NamedRuntime {
  /** `.py`; null when it has none. */
  file_extension: string | null;
}
