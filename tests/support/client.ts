import { isTerminal } from "../../src/domain/execution.ts";
import type { Execution } from "./wire.ts";
import { until } from "./until.ts";

/** A logged-in HTTP client of one stack, with only what the flow tests need. */
export interface Client {
  readonly url: string;
  /** Any request; JSON in, JSON out. Rejects when the status is not below 400. */
  call<T = unknown>(method: string, path: string, body?: unknown): Promise<T>;
  raw(method: string, path: string, body?: unknown): Promise<Response>;
  execute(
    actionRef: string,
    parameters?: Record<string, unknown>,
    more?: Record<string, unknown>,
  ): Promise<number>;
  get(id: number): Promise<Execution>;
  /** The execution once it is terminal. */
  finished(id: number, withinMs?: number, everyMs?: number): Promise<Execution>;
  run(
    actionRef: string,
    parameters?: Record<string, unknown>,
    more?: Record<string, unknown>,
  ): Promise<Execution>;
  /** Whole log of one stream. */
  log(id: number, stream: "stdout" | "stderr"): Promise<string>;
}

/** Logs in as the development identity. */
export async function logIn(url: string): Promise<Client> {
  const answer = await fetch(`${url}/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      login: "test@attune.local",
      password: "TestPass123!",
    }),
  });
  if (answer.status !== 200) {
    throw new Error(`Login answered ${answer.status}: ${await answer.text()}`);
  }
  const { data } = await answer.json();
  return clientFor(url, data.access_token);
}

export function clientFor(url: string, token: string): Client {
  function raw(method: string, path: string, body?: unknown) {
    return fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
  async function call<T>(method: string, path: string, body?: unknown) {
    const answer = await raw(method, path, body);
    const text = await answer.text();
    if (answer.status >= 400) {
      throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
    }
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }
  async function execute(
    action_ref: string,
    parameters: Record<string, unknown> = {},
    more: Record<string, unknown> = {},
  ) {
    const { data } = await call<{ data: { id: number } }>(
      "POST",
      "/api/v1/executions/execute",
      { action_ref, parameters, ...more },
    );
    return data.id;
  }
  async function get(id: number) {
    const { data } = await call<{ data: Execution }>(
      "GET",
      `/api/v1/executions/${id}`,
    );
    return data;
  }
  function finished(id: number, withinMs = 30_000, everyMs = 20) {
    return until(`execution ${id} to finish`, async () => {
      const execution = await get(id);
      return isTerminal(execution.status) && execution;
    }, { withinMs, everyMs });
  }
  async function log(id: number, stream: "stdout" | "stderr") {
    const answer = await raw(
      "GET",
      `/api/v1/executions/${id}/logs/${stream}/stream`,
    );
    const frames = (await answer.text()).split("\n\n");
    return frames.filter((f) => /^event: ?(content|append)$/m.test(f))
      .map((f) =>
        f.split("\n").filter((line) => line.startsWith("data:"))
          .map((line) => line.replace(/^data: ?/, "")).join("\n")
      ).join("");
  }
  return {
    url,
    call,
    raw,
    execute,
    get,
    finished,
    run: async (ref, parameters, more) =>
      finished(await execute(ref, parameters, more)),
    log,
  };
}
