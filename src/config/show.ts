import type { LoadedConfig } from "../config.ts";
import { envNameOf, SETTING_BY_PATH } from "./schema.ts";

/** One line of `attune config show`. */
export interface ShownValue {
  key: string;
  value: unknown;
  source: string;
}

/** Every key with its effective value and where that came from; secrets are masked. */
export function shownValues({ config, sources }: LoadedConfig): ShownValue[] {
  return [...SETTING_BY_PATH].map(([key, setting]) => {
    const value = key.split(".").reduce<unknown>(
      (at, part) => (at as Record<string, unknown>)[part],
      config,
    );
    const source = sources.get(key) ?? "default";
    return {
      key,
      value: setting.secret ? masked(value) : shown(value),
      source,
    };
  });
}

/** The table of all keys in Markdown. */
export function configReference(): string {
  const rows = [...SETTING_BY_PATH].map(([key, setting]) => {
    const names = [
      ...(setting.env === undefined ? [] : [setting.env]),
      envNameOf(key),
    ].map((name) => `\`${name}\``).join(", ");
    const normal = setting.fallback === null
      ? ""
      : `\`${JSON.stringify(setting.fallback).replaceAll('"', "")}\``;
    return `| \`${key}\` | ${names} | ${
      setting.shownDefault ?? normal
    } | ${setting.meaning} |`;
  });
  return [
    "| Key | Environment | Default | Meaning |",
    "|---|---|---|---|",
    ...rows,
  ].join("\n") + "\n";
}

function masked(value: unknown): unknown {
  if (value === null) return null;
  const parsed = URL.parse(String(value));
  if (parsed === null || parsed.host === "") return "***";
  if (parsed.password !== "") parsed.password = "***";
  return parsed.href;
}

/** Credentials may also stand in a URL that is no secret as a whole. */
function shown(value: unknown): unknown {
  return typeof value === "string"
    ? value.replace(/:\/\/[^/@\s]*@/g, "://***@")
    : value;
}
