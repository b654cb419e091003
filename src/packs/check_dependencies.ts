import {
  normalizeVersion,
  parseConstraint,
} from "../domain/version_constraint.ts";
import { nameOf } from "./choose_runtime.ts";
import { splitDependency } from "./constraint_fields.ts";
import type { Known, KnownRuntime } from "./known.ts";
import type { Place } from "./place.ts";

/** Warns of packs that are not installed, or not in a fitting version. */
export function checkPackDependencies(
  dependencies: readonly string[],
  { packs }: Known,
  at: Place,
): void {
  if (packs === undefined) return;
  for (const [index, written] of dependencies.entries()) {
    const { name, constraint } = splitDependency(written);
    const version = packs.get(name);
    if (version === undefined) {
      at.at(index).warn(`needs pack '${name}', which is not installed`);
    } else if (
      !parseConstraint(constraint).matches(normalizeVersion(version))
    ) {
      at.at(index).warn(
        `needs pack '${name}' ${constraint}, but ${version} is installed`,
      );
    }
  }
}

/** Warns of runtimes that no registered agent offers in a fitting version. */
export function checkRuntimeDependencies(
  dependencies: readonly string[],
  { offered }: Known,
  rows: readonly KnownRuntime[],
  at: Place,
): void {
  if (offered === undefined) return;
  for (const [index, written] of dependencies.entries()) {
    const { name, constraint } = splitDependency(written);
    const versions = offered.get(nameOf(name, rows) ?? name);
    const wanted = parseConstraint(constraint);
    const met = versions !== undefined &&
      (wanted.any || versions.some((version) => wanted.matches(version)));
    if (met) continue;
    const what = wanted.any ? name : `${name} ${constraint}`;
    at.at(index).warn(
      `needs ${what}, which no registered agent offers` +
        (versions?.length ? ` (offered: ${versions.join(", ")})` : ""),
    );
  }
}
