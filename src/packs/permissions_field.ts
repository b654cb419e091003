import type { JsonObject } from "../domain/json.ts";
import { listOf } from "./collections.ts";
import { given, mustBe, optional, type Reader, record } from "./fields.ts";
import { policyPath } from "./path_fields.ts";
import { bool, oneOf, text } from "./scalars.ts";

/** One entry of `net`: `host`, `host:port` or `*:port`; IPv6 in brackets. */
const netEntry: Reader<string> = (value, at) => {
  const entry = text(value, at);
  if (entry === undefined) return;
  const [, host, port] = entry.match(
    /^(\*|\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?\.?)(?::(\d{1,5}))?$/,
  )?.filter((_, index) => index !== 2) ?? [];
  const numeric = port === undefined ? undefined : Number(port);
  const isPort = numeric === undefined || (numeric >= 1 && numeric <= 65535);
  if (host !== undefined && isPort && (host !== "*" || port !== undefined)) {
    return entry;
  }
  return at.error(
    mustBe("'host', 'host:port' or '*:port' with a port up to 65535", entry),
  );
};

const program: Reader<string> = (value, at) => {
  const name = text(value, at);
  if (name === undefined) return;
  return /[/{]/.test(name)
    ? policyPath(name, at)
    : name.trim() === ""
    ? at.error("must not be empty")
    : name;
};

/** A name a variable of the environment may have. */
export const variableName: Reader<string> = (value, at) => {
  const name = text(value, at);
  if (name === undefined || /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  return at.error(mustBe("the name of a variable", name));
};

function access(entry: Reader<string>): Reader<boolean | string[]> {
  const list = listOf(entry);
  return (value, at) => {
    if (typeof value === "boolean") return value;
    if (Array.isArray(value)) return list(value, at);
    return bool(value, at) ?? undefined;
  };
}

const policy = record({
  read: optional(access(policyPath), undefined),
  write: optional(access(policyPath), undefined),
  run: optional(access(program), undefined),
  net: optional(access(netEntry), undefined),
  env: optional(access(variableName), undefined),
  sandbox: optional(
    oneOf(["best_effort", "required", "off"], { require: "required" }),
    undefined,
  ),
});

/** The sandbox policy (packs.md 2.5); absent keys stay absent. */
export const permissions: Reader<JsonObject> = (value, at) => {
  const read = policy(value, at);
  return read && given(read);
};
