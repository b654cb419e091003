import { ApiError } from "./errors.ts";

const PACK = /^[a-z][a-z0-9_-]+$/;
const COMPONENT = /^[a-z0-9_-]+\.[a-z0-9_-]+$/;
const RUNTIME = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;
const NUMBER = "(0|[1-9]\\d*)";
const VERSION = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}(-[0-9A-Za-z.-]+)?(\\+[0-9A-Za-z.-]+)?$`,
);

/** Grammar of refs and versions that the API creates (api.md 1.6); 422 when broken. */
export function checkPackRef(ref: string): void {
  check(
    PACK,
    ref,
    "pack ref",
    "lower case letters, digits, - and _, at least two, beginning with a letter",
  );
}

/** Refs of actions, triggers, sensors, rules and permission sets. */
export function checkComponentRef(ref: string): void {
  check(
    COMPONENT,
    ref,
    "ref",
    'lower case with exactly one dot, like "demo.hello"',
  );
}

export function checkRuntimeRef(ref: string): void {
  check(RUNTIME, ref, "runtime ref", 'lower case, like "core.python"');
}

export function checkPackVersion(version: string): void {
  check(VERSION, version, "pack version", 'a semantic version, like "1.2.0"');
}

function check(grammar: RegExp, value: string, what: string, must: string) {
  if (grammar.test(value)) return;
  throw new ApiError(
    "UNPROCESSABLE_ENTITY",
    `Invalid ${what} "${value}": it must be ${must}`,
  );
}
