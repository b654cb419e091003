/** Every key of the configuration (packs.md 9); README's table is made from it. */
import { z } from "zod";
import type { Taint } from "../domain/placement.ts";
import {
  bytes,
  choice,
  flag,
  integer,
  limits,
  list,
  longText,
  map,
  optional,
  seconds,
  secret,
  type Setting,
  setting,
  text,
  url,
  urls,
} from "./kinds.ts";
import { LOG_LEVELS } from "../log.ts";

const DAY = 86_400;
const NATS_SCHEMES = ["nats", "tls"];

const taints = {
  schema: z.array(z.strictObject({
    key: z.string().min(1),
    value: z.string().exactOptional(),
    effect: z.enum(["no_schedule", "prefer_no_schedule"]),
  })).readonly() satisfies z.ZodType<readonly Taint[]>,
  rule:
    "a list of {key, value?, effect: no_schedule | prefer_no_schedule} (as text: key=value:effect,... or JSON)",
  fromText: taintsFromText,
};

/** The keys by section; each is `ATTUNE__SECTION__KEY` in the environment. */
export const SETTINGS = {
  home: setting(text, "./.attune", {
    env: "ATTUNE_HOME",
    meaning:
      "where `attune start` keeps all its data, and an agent its identity and spool",
  }),
  packs_base_dir: setting(text, "/opt/attune/packs", {
    shownDefault: "`/opt/attune/packs`; start: `<home>/packs`",
    meaning: "installed packs, one directory each",
  }),
  runtime_envs_dir: setting(text, "/opt/attune/runtime_envs", {
    shownDefault: "`/opt/attune/runtime_envs`; start: `<home>/runtime_envs`",
    meaning: "environments of runtimes (agent)",
  }),
  artifacts_dir: setting(text, "/opt/attune/artifacts", {
    shownDefault: "`/opt/attune/artifacts`; start: `<home>/artifacts`",
    meaning: "files of artifacts",
  }),
  server: {
    host: setting(text, "127.0.0.1", { meaning: "address the API listens on" }),
    port: setting(integer(0, 65_535), 8080, {
      meaning: "port the API listens on; 0 takes a free one",
    }),
    public_url: optional(url(["http", "https"]), {
      meaning: "base URL under which agents and actions reach the API",
    }),
    cors_origins: setting(list, localOrigins([3000, 3001, 5173, 8080]), {
      shownDefault: "localhost and 127.0.0.1 on 3000, 3001, 5173, 8080",
      meaning: "origins of browsers that may call the API with credentials",
    }),
  },
  database: {
    url: {
      ...optional(url(["postgres", "postgresql"]), {
        shownDefault: "start: a private PostgreSQL; else required",
        meaning: "PostgreSQL 15 or newer",
      }),
      secret: true,
    },
    pool_size: setting(integer(1, 1000), 10, {
      meaning: "most connections of one process",
    }),
  },
  message_queue: {
    url: optional(urls(NATS_SCHEMES, ["embedded"]), {
      shownDefault: "start: a private nats-server or in process; else required",
      meaning:
        "NATS servers with JetStream; `embedded` = in process (`attune start` only)",
    }),
    user: optional(text, { meaning: "NATS user" }),
    password: secret(text, { meaning: "NATS password" }),
    token: secret(text, { meaning: "NATS token" }),
    nkey_seed: secret(text, { meaning: "seed of a NATS nkey" }),
    tls_ca: optional(text, { meaning: "file with the CA of the NATS server" }),
    tls_cert: optional(text, { meaning: "file with our TLS certificate" }),
    tls_key: optional(text, { meaning: "file with the key of `tls_cert`" }),
    agent_url: optional(urls(NATS_SCHEMES), {
      shownDefault: "`message_queue.url`",
      meaning: "NATS servers as agents reach them",
    }),
    agent_user: optional(text, {
      shownDefault: "the server's own access",
      meaning: "NATS user handed to agents",
    }),
    agent_password: secret(text, { meaning: "its password" }),
  },
  security: {
    jwt_secret: secret(longText(32), {
      shownDefault: "start: made once; api: required",
      meaning: "signs every token",
    }),
    encryption_key: secret(longText(32), {
      shownDefault: "start: made once; else secrets cannot be stored",
      meaning: "seals secrets at rest",
    }),
    access_token_ttl: setting(integer(60, 30 * DAY), 3600, {
      meaning: "seconds an access token lives",
    }),
    refresh_token_ttl: setting(integer(60, 365 * DAY), 7 * DAY, {
      meaning: "seconds a refresh token lives",
    }),
    allow_self_registration: setting(flag, false, {
      shownDefault: "`false`; start: `true`",
      meaning: "anybody may make an identity (without grants)",
    }),
    agent_join_token: secret(longText(16), {
      shownDefault: "start: made once; else agents cannot join",
      meaning: "what agents present to register",
    }),
    admin_login: optional(text, {
      env: "ATTUNE_ADMIN_LOGIN",
      meaning: "admin created at start when absent; needs the password too",
    }),
    admin_password: secret(longText(8), {
      env: "ATTUNE_ADMIN_PASSWORD",
      meaning: "password of `admin_login`",
    }),
  },
  log: {
    level: setting(choice(LOG_LEVELS), "info", {
      meaning: "least level logged",
    }),
    format: setting(choice(["json", "text"]), "json", {
      meaning: "lines for machines or for people",
    }),
  },
  scheduler: {
    queue_timeout: setting(seconds(1, DAY), 300, {
      meaning: "seconds an execution may wait for a suitable agent",
    }),
    execution_retention_days: setting(integer(1, 36_500), 30, {
      meaning: "days finished executions and their logs are kept",
    }),
    worker_retention_days: setting(integer(1, 36_500), 30, {
      meaning: "days after which a vanished agent is forgotten",
    }),
  },
  worker: {
    api_url: optional(url(["http", "https"]), {
      env: "ATTUNE_API_URL",
      shownDefault: "required by agents",
      meaning: "API an agent belongs to",
    }),
    join_token: secret(text, {
      env: "ATTUNE_AGENT_TOKEN",
      shownDefault: "required by agents",
      meaning: "the server's `security.agent_join_token`",
    }),
    name: optional(text, {
      shownDefault: "made from the host name",
      meaning: "name of this agent",
    }),
    max_concurrent: setting(integer(1, 10_000), 10, {
      meaning: "executions at once",
    }),
    capabilities: {
      runtimes: optional(list, {
        env: "ATTUNE_WORKER_RUNTIMES",
        shownDefault: "what is found",
        meaning: "exactly these runtimes are offered",
      }),
    },
    labels: setting(map, {}, { meaning: "what `worker_selector` matches" }),
    taints: setting<readonly Taint[]>(taints, [], {
      meaning: "what executions must tolerate",
    }),
    default_timeout: setting(seconds(1, 30 * DAY), 300, {
      meaning: "timeout of actions that name none",
    }),
    max_timeout: setting(seconds(1, 30 * DAY), DAY, {
      meaning: "longest timeout",
    }),
    kill_grace: setting(seconds(0, 3600), 5, {
      meaning: "seconds between SIGTERM and SIGKILL",
    }),
    shutdown_timeout: setting(seconds(0, DAY), 30, {
      meaning: "seconds running actions get when the agent stops",
    }),
    max_stdout_bytes: setting(bytes, 10 * 2 ** 20, {
      shownDefault: "10MiB",
      meaning: "kept of stdout",
    }),
    max_stderr_bytes: setting(bytes, 10 * 2 ** 20, {
      shownDefault: "10MiB",
      meaning: "kept of stderr",
    }),
    resource_caps: setting(
      limits([
        "memory_mb",
        "cpu_seconds",
        "open_files",
        "processes",
        "output_mb",
      ]),
      {},
      { meaning: "most that `resources` of an action may ask for" },
    ),
    env_passthrough: setting(list, [], {
      meaning: "variables of the agent that actions see; never `ATTUNE_*`",
    }),
  },
};

type Values<S> = S extends Setting<infer T> ? T
  : { readonly [K in keyof S]: Values<S[K]> };

/** Effective values; durations are seconds. */
export type Config = Values<typeof SETTINGS>;

/** Every setting by its dotted path, `server.port`. */
export const SETTING_BY_PATH: ReadonlyMap<string, Setting<unknown>> = new Map(
  flatten(SETTINGS, ""),
);

/** `server.port` -> `ATTUNE__SERVER__PORT`. */
export function envNameOf(path: string): string {
  return `ATTUNE__${path.toUpperCase().replaceAll(".", "__")}`;
}

function flatten(tree: object, prefix: string): [string, Setting<unknown>][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    "fallback" in value
      ? [[prefix + key, value] as [string, Setting<unknown>]]
      : flatten(value, `${prefix}${key}.`)
  );
}

function localOrigins(ports: number[]): string[] {
  return ports.flatMap((port) => [
    `http://localhost:${port}`,
    `http://127.0.0.1:${port}`,
  ]);
}

function taintsFromText(text: string): unknown {
  if (text.startsWith("[")) {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }
  return text.split(",").filter((part) => part.trim() !== "").map((part) => {
    const colon = part.lastIndexOf(":");
    const [key, value] = part.slice(0, colon < 0 ? undefined : colon).trim()
      .split("=", 2);
    const effect = colon < 0 ? "no_schedule" : part.slice(colon + 1).trim();
    return { key, ...(value !== undefined && { value }), effect };
  });
}
