import {
  developmentSession,
  type Session,
  type StoredSession,
  storedSession,
} from "./credentials.ts";
import { CliError, EXIT } from "./exit.ts";
import { refusal, unreachable } from "./refusal.ts";

/** The API as a logged-in client sees it. Every failure is a CliError. */
export interface Connection {
  readonly url: string;
  /** Undefined when a token was given. */
  readonly login: string | undefined;
  /** Rejects when the status is not 2xx. */
  request(method: string, path: string, options?: Ask): Promise<Response>;
  get<T>(path: string, query?: Query): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
}

export type Query = Record<string, string | number | boolean | undefined>;

export interface Ask {
  query?: Query;
  json?: unknown;
  form?: FormData;
  signal?: AbortSignal;
}

export interface ConnectOptions {
  /** Wins over everything else. */
  url?: string | undefined;
  env: Record<string, string>;
}

const DEFAULT_URL = "http://127.0.0.1:8080";

/**
 * Which API, and as whom: `url`, else ATTUNE_API_URL, else the development
 * stack that runs in this directory, else where `auth login` went last.
 * ATTUNE_API_TOKEN wins over what is stored.
 */
export async function connect(
  { url, env }: ConnectOptions,
): Promise<Connection> {
  const named = url ?? (env.ATTUNE_API_URL || undefined);
  const token = env.ATTUNE_API_TOKEN || undefined;
  const stored = await sessionFor(named?.replace(/\/+$/, ""), env);
  const base = (named ?? stored?.session.url ?? DEFAULT_URL)
    .replace(/\/+$/, "");
  if (URL.parse(base) === null) {
    throw new CliError(
      EXIT.usage,
      `Cannot connect to "${base}" as that is no URL; example: ${DEFAULT_URL}`,
    );
  }
  if (token !== undefined) return client(base, undefined, () => token);
  if (stored === undefined) {
    await reachable(base);
    throw new CliError(
      EXIT.refused,
      `Not logged in to ${base}. Log in with: attune auth login --url ${base}`,
    );
  }
  const tokens = keepFresh(base, stored);
  return client(base, stored.session.login, tokens);
}

async function sessionFor(
  url: string | undefined,
  env: Record<string, string>,
): Promise<StoredSession | undefined> {
  const development = await developmentSession(env);
  if (url === undefined) return development ?? await storedSession(env);
  return await storedSession(env, url) ??
    (development?.session.url === url ? development : undefined);
}

type TokenSource = (refused: boolean) => string | Promise<string>;

function client(
  url: string,
  login: string | undefined,
  token: TokenSource,
): Connection {
  async function ask(method: string, path: string, ask: Ask, again: boolean) {
    const target = new URL(url + path);
    for (const [key, value] of Object.entries(ask.query ?? {})) {
      if (value !== undefined) target.searchParams.set(key, String(value));
    }
    const bearer = await token(again);
    return fetchFrom(url, target, {
      method,
      headers: {
        authorization: `Bearer ${bearer}`,
        ...(ask.json !== undefined && { "content-type": "application/json" }),
      },
      ...(ask.json !== undefined && { body: JSON.stringify(ask.json) }),
      ...(ask.form && { body: ask.form }),
      ...(ask.signal && { signal: ask.signal }),
    });
  }
  async function request(method: string, path: string, options: Ask = {}) {
    let answer = await ask(method, path, options, false);
    if (answer.status === 401 && login !== undefined) {
      await answer.body?.cancel();
      answer = await ask(method, path, options, true);
    }
    if (!answer.ok) throw await refusal(answer, { method, path, url });
    return answer;
  }
  return {
    url,
    login,
    request,
    async get<T>(path: string, query: Query = {}) {
      return await (await request("GET", path, { query })).json() as T;
    },
    async post<T>(path: string, body: unknown = {}) {
      const answer = await request("POST", path, { json: body });
      return await answer.json() as T;
    },
  };
}

/** Access tokens of a session: renewed shortly before they end, and when one was refused. */
function keepFresh(url: string, stored: StoredSession): TokenSource {
  let session = stored.session;
  let renewing: Promise<string> | undefined;
  async function renew(): Promise<string> {
    session = await renewed(url, session);
    await stored.save(session);
    return session.access_token!;
  }
  return (refused) => {
    const { access_token, expires_at = 0 } = session;
    const alive = expires_at - 30 > Date.now() / 1000;
    if (access_token !== undefined && alive && !refused) return access_token;
    renewing ??= renew().finally(() => renewing = undefined);
    return renewing;
  };
}

async function renewed(url: string, session: Session): Promise<Session> {
  const { login, password, refresh_token } = session;
  if (refresh_token !== undefined) {
    const answer = await postJson(url, "/auth/refresh", { refresh_token });
    if (answer.ok) return withTokens(session, await answer.json());
    await answer.body?.cancel();
  }
  if (password !== undefined) return logIn(url, { login, password }, session);
  throw new CliError(
    EXIT.refused,
    `The login of "${login}" at ${url} has ended. Log in again with: attune auth login --url ${url}`,
  );
}

/** A session from login and password. */
export async function logIn(
  url: string,
  { login, password }: { login: string; password: string },
  keep: Partial<Session> = {},
): Promise<Session> {
  const answer = await postJson(url, "/auth/login", { login, password });
  if (!answer.ok) {
    throw await refusal(answer, { method: "POST", path: "/auth/login", url });
  }
  return withTokens({ ...keep, url, login }, await answer.json());
}

function withTokens(
  session: Session,
  { data }: {
    data: { access_token: string; refresh_token: string; expires_in: number };
  },
): Session {
  return {
    ...session,
    access_token: data.access_token,
    refresh_token: data.refresh_token,
    expires_at: Math.floor(Date.now() / 1000) + data.expires_in,
  };
}

function postJson(url: string, path: string, body: unknown) {
  return fetchFrom(url, new URL(url + path), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function reachable(url: string): Promise<void> {
  const answer = await fetchFrom(url, new URL(`${url}/health/live`), {});
  await answer.body?.cancel();
}

async function fetchFrom(url: string, target: URL, init: RequestInit) {
  try {
    return await fetch(target, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw unreachable(url, error);
  }
}
