/** The control plane answered that it will not do this; asking again the same way is of no use. */
export class ApiRefused extends Error {
  override name = "ApiRefused";
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** No usable answer: not reachable, too slow, overloaded or restarting. Asking again later helps. */
export class ApiAway extends Error {
  override name = "ApiAway";
}

export interface ApiRequest {
  method?: "GET" | "POST" | "PUT";
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  bytes?: Uint8Array | ReadableStream<Uint8Array>;
  headers?: Record<string, string>;
  /** Instead of the agent's token. */
  token?: string;
  /** For the whole exchange; default 10,000 ms. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

/** The agent's side of `/api/v1/agent/*`. Throws {@linkcode ApiRefused}, {@linkcode ApiAway} or the reason of `signal`. */
export interface ApiClient {
  /** The agent's JWT; empty until registered. */
  token: string;
  baseUrl: string;
  /** Sends and reads a JSON answer. */
  call<T>(path: string, request?: ApiRequest): Promise<T>;
  /** Sends and hands over the answer's body. */
  open(path: string, request?: ApiRequest): Promise<ReadableStream<Uint8Array>>;
}

/** Statuses that a server out of breath, or a proxy before a server that restarts, answers with. */
const AWAY = new Set([408, 425, 429, 500, 502, 503, 504]);

export function makeApiClient(baseUrl: string): ApiClient {
  const client: ApiClient = {
    token: "",
    baseUrl: baseUrl.replace(/\/+$/, ""),
    async call<T>(path: string, request: ApiRequest = {}): Promise<T> {
      return await exchange(client, path, request, async (response) => {
        return await response.json() as T;
      });
    },
    async open(path, request = {}) {
      return await exchange(client, path, request, (response) => {
        return Promise.resolve(response.body ?? new Blob([]).stream());
      });
    },
  };
  return client;
}

async function exchange<T>(
  client: ApiClient,
  path: string,
  { method = "POST", json, bytes, headers, token, timeoutMs = 10_000, signal }:
    ApiRequest,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const url = `${client.baseUrl}/api/v1/agent/${path}`;
  const timeout = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${token ?? client.token}`,
        ...(json !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      ...(bytes !== undefined && { body: bytes as BodyInit }),
      signal: signal === undefined
        ? timeout
        : AbortSignal.any([signal, timeout]),
    });
    if (response.ok) return await read(response);
  } catch (error) {
    signal?.throwIfAborted();
    throw new ApiAway(`Cannot reach ${url}: ${reasonOf(error, timeoutMs)}`, {
      cause: error,
    });
  }
  const said = await messageOf(response);
  const message = `${method} ${url} was answered with ${response.status}${
    said === "" ? "" : `: ${said}`
  }`;
  if (AWAY.has(response.status)) throw new ApiAway(message);
  throw new ApiRefused(response.status, message);
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${timeoutMs} ms`;
  const { cause } = error;
  return cause instanceof Error ? cause.message : error.message;
}

async function messageOf(response: Response): Promise<string> {
  const text = await response.text().catch(() => "");
  try {
    const body = JSON.parse(text) as { error?: unknown; message?: unknown };
    return String(body.message ?? body.error ?? "");
  } catch {
    return text.slice(0, 200);
  }
}
