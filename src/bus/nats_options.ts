import {
  type ConnectionOptions,
  nkeyAuthenticator,
  type TlsOptions,
} from "@nats-io/transport-node";
import type { BusAddress } from "../domain/agent_protocol.ts";
import type { Log } from "../log.ts";

export const DEFAULT_AWAY_MS = 5_000;

/** At most one of user and password, token, nkey; none for an open server. */
export interface NatsOptions {
  /** `nats://host:port` or `tls://host:port`; a user and password, or a token, before `@` count when none is given apart. */
  servers: string[];
  user?: string;
  password?: string;
  token?: string;
  /** Begins with `SU`. */
  nkeySeed?: string;
  tls?: NatsTls;
  /** First word of every subject and stream; default `attune`. Buses of different prefixes share a server and nothing else. */
  prefix?: string;
  /** First words of the subjects that answers come back on; default `_INBOX`. Must be the same as the permissions of the user say. */
  inboxPrefix?: string;
  /** Shown by the server's monitoring; default `attune`. */
  name?: string;
  /** Copies of each queue in a cluster, fixed when the queue is made; default 1. */
  replicas?: number;
  /** How long `send`, `openQueue`, `depth` and one try to connect wait for a bus that is away; default 5,000 ms. */
  awayMs?: number;
  log?: Log;
}

/** PEM text, or paths of PEM files. Present but empty = TLS is a must, trusted by the system's authorities. */
export interface NatsTls {
  ca?: string;
  caFile?: string;
  certFile?: string;
  keyFile?: string;
}

/** What an address from the control plane says, as options. */
export function natsOptionsOf(
  address: Extract<BusAddress, { kind: "nats" }>,
): NatsOptions {
  const { servers, user, password, token, nkey_seed, tls_ca } = address;
  return {
    servers,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(token !== undefined && { token }),
    ...(nkey_seed !== undefined && { nkeySeed: nkey_seed }),
    ...(tls_ca !== undefined && { tls: { ca: tls_ca } }),
    ...(address.prefix !== undefined && { prefix: address.prefix }),
    ...(address.inbox_prefix !== undefined &&
      { inboxPrefix: address.inbox_prefix }),
  };
}

/** The client's options. Throws a TypeError for what cannot be meant. */
export function connectionOptions(options: NatsOptions): ConnectionOptions {
  if (options.servers.length === 0) {
    throw new TypeError("Cannot connect to NATS: no server is named");
  }
  const parsed = options.servers.map(parseServer);
  const tls = tlsOptions(options.tls, parsed.some((server) => server.tls));
  return {
    servers: parsed.map((server) => server.hostPort),
    name: options.name ?? "attune",
    inboxPrefix: options.inboxPrefix ?? "_INBOX",
    ...authentication(options, parsed[0]!),
    ...(tls && { tls }),
    timeout: options.awayMs ?? DEFAULT_AWAY_MS,
    // Never gives up, not even when the server refuses us for a while.
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    reconnectJitterTLS: 100,
    pingInterval: 10_000,
    noAsyncTraces: true,
  };
}

interface Server {
  hostPort: string;
  tls: boolean;
  user: string;
  password: string;
}

function parseServer(text: string): Server {
  const match = /^(?:(nats|tls):\/\/)?(?:([^@/]*)@)?([^@/]+)\/?$/.exec(text);
  if (match === null) {
    throw new TypeError(
      `Cannot use "${
        text.replace(/\/\/[^@]*@/, "//***@")
      }" as a NATS server: it must look like nats://host:4222 or tls://host:4222`,
    );
  }
  const [, scheme, userinfo = "", hostPort] = match;
  const [user = "", ...password] = userinfo.split(":");
  return {
    hostPort: hostPort!,
    tls: scheme === "tls",
    user: decodeURIComponent(user),
    password: decodeURIComponent(password.join(":")),
  };
}

function authentication(
  options: NatsOptions,
  server: Server,
): ConnectionOptions {
  const { user, password, token, nkeySeed } = options;
  const given = [user, token, nkeySeed].filter((v) => v !== undefined);
  if (given.length > 1) {
    throw new TypeError(
      "Cannot connect to NATS: give one of user, token and nkey seed, not several",
    );
  }
  if (nkeySeed !== undefined) {
    return {
      authenticator: nkeyAuthenticator(new TextEncoder().encode(nkeySeed)),
    };
  }
  if (token !== undefined) return { token };
  if (user !== undefined) return { user, pass: password ?? "" };
  if (server.user === "") return {};
  return server.password === ""
    ? { token: server.user }
    : { user: server.user, pass: server.password };
}

function tlsOptions(
  tls: NatsTls | undefined,
  must: boolean,
): TlsOptions | undefined {
  if (tls === undefined && !must) return undefined;
  return { ...tls };
}
