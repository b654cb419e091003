import type { JsonObject } from "../domain/json.ts";
import type { RuntimeVersion } from "../domain/runtime.ts";
import { canonicalRuntime } from "../domain/runtime_name.ts";
import { freeMap, listOf } from "./collections.ts";
import { namedFields } from "./component_fields.ts";
import { executionConfig } from "./execution_config_field.ts";
import {
  given,
  mustBe,
  optional,
  type Reader,
  record,
  required,
} from "./fields.ts";
import { ownRef } from "./ref_fields.ts";
import { bool, number, regex, text, versionText } from "./scalars.ts";

const verification = record({
  always_available: optional(bool, undefined),
  check_required: optional(bool, undefined),
  commands: optional(
    listOf(record({
      binary: required(text),
      args: optional(listOf(text), []),
      exit_code: optional(number({ least: 0, most: 255, integer: true }), 0),
      pattern: optional(regex, undefined),
      priority: optional(number({ integer: true }), 100),
      optional: optional(bool, false),
    })),
    undefined,
  ),
});

/** `verification` is checked (packs.md 4.4); everything else is for people. */
const distributions: Reader<JsonObject> = (value, at) => {
  const all = freeMap(value, at);
  if (all?.verification === undefined || all.verification === null) return all;
  const read = verification(all.verification, at.at("verification"));
  if (read === undefined) return all;
  const { commands, ...rest } = given(read);
  return {
    ...all,
    verification: {
      ...rest,
      ...(commands && { commands: commands.map((one) => given(one)) }),
    } as JsonObject,
  };
};

const version: Reader<RuntimeVersion> = record({
  version: required(versionText),
  is_default: optional(bool, false),
  distributions: optional(distributions, {}),
  execution_config: optional(executionConfig, {}),
  meta: optional(freeMap, {}),
});

const versions: Reader<RuntimeVersion[]> = (value, at) => {
  const read = listOf(version)(value, at);
  for (const [index, one] of read?.entries() ?? []) {
    const before = read!.slice(0, index);
    if (before.some((other) => other.version === one.version)) {
      at.at(index).error(`repeats version '${one.version}'`);
    }
    if (one.is_default && before.some((other) => other.is_default)) {
      at.at(index).error("is a second default; only one version may be");
    }
  }
  return read;
};

const lowerCase: Reader<string> = (value, at) =>
  text(value, at)?.trim().toLowerCase();

const canonical: Reader<string> = (value, at) => {
  const written = text(value, at);
  if (written === undefined) return;
  const name = canonicalRuntime(written);
  return name === "" ? at.error("must not be empty") : name;
};

/** `runtimes/*.yaml` (packs.md 4.1). */
export function runtimeFields(pack: string) {
  const samePack: Reader<string> = (value, at) =>
    value === pack
      ? pack
      : at.error(mustBe(`'${pack}', the pack it is in`, value));
  return {
    ...namedFields(ownRef(pack)),
    label: optional(text, null),
    name: optional(canonical, null),
    pack_ref: optional(samePack, pack),
    aliases: optional(listOf(lowerCase), []),
    distributions: optional(distributions, {}),
    installation: optional(freeMap, null),
    execution_config: optional(executionConfig, {}),
    versions: optional(versions, []),
  };
}
