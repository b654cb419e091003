import { posix } from "node:path";
import { didYouMean } from "../domain/did_you_mean.ts";
import { mustBe, type Reader } from "./fields.ts";
import { shown } from "./report.ts";
import { text } from "./scalars.ts";

/** A relative path that stays below where it starts; normalised. */
export const relativePath: Reader<string> = (value, at) => {
  const path = text(value, at);
  if (path === undefined || path === "") return path;
  const why = climbs(path);
  return why === undefined ? posix.normalize(path) : at.error(why);
};

/** Why the path may lead out; undefined when it cannot. */
function climbs(path: string): string | undefined {
  if (path.includes("://")) {
    return mustBe("a path inside the pack without '://'", path);
  }
  if (posix.isAbsolute(path)) return mustBe("a relative path", path);
  const normal = posix.normalize(path);
  return normal === ".." || normal.startsWith("../")
    ? `climbs out of where it starts: ${shown(path)}`
    : undefined;
}

const PLACES = [
  "pack_dir",
  "work_dir",
  "artifacts_dir",
  "env_dir",
  "state_dir",
];

/** A path of the sandbox policy: absolute, `{work_dir}/...`, or relative to the pack. */
export const policyPath: Reader<string> = (value, at) => {
  const path = text(value, at);
  if (path === undefined) return;
  if (path === "") return at.error("must not be empty");
  if (/[*?[\]]/.test(path)) {
    return at.error(
      `must not have wildcards: ${shown(path)}; name the directory instead`,
    );
  }
  for (const [whole, name = ""] of path.matchAll(/\{([^{}]*)\}/g)) {
    if (PLACES.includes(name)) continue;
    const near = didYouMean(name, PLACES);
    return at.error(
      `has an unknown place ${shown(whole)}` +
        (near === undefined
          ? `; known are ${PLACES.map((p) => `{${p}}`).join(" ")}`
          : ` (did you mean '{${near}}'?)`),
    );
  }
  const rest = path.replace(/^\{[^{}]*\}\/*/, "");
  const why = posix.isAbsolute(rest) ? undefined : climbs(rest);
  return why === undefined ? path : at.error(why);
};
