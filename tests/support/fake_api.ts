/** A scripted API for tests of the command line: real HTTP, no platform behind it. */
export interface FakeApi extends AsyncDisposable {
  readonly url: string;
  /** `METHOD /path?query` of every request, in order. */
  readonly requests: string[];
  /** JSON bodies by the same text. */
  readonly bodies: Map<string, unknown>;
}

export type Answer = (request: Request, match: URLPatternResult) =>
  | Response
  | Promise<Response>;

/** `routes`: `GET /api/v1/actions/:ref` -> answer; fewer parameters win. */
export function fakeApi(routes: Record<string, Answer>): FakeApi {
  const requests: string[] = [];
  const bodies = new Map<string, unknown>();
  const table = Object.entries(routes).map(([route, answer]) => {
    const [method, pathname] = route.split(" ");
    const pattern = new URLPattern({ pathname: pathname! });
    return { method, pattern, answer, parameters: pathname!.split(":").length };
  }).sort((a, b) => a.parameters - b.parameters);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const name = `${request.method} ${pathname}${search}`;
      requests.push(name);
      if (request.headers.get("content-type") === "application/json") {
        bodies.set(name, await request.json());
      }
      for (const { method, pattern, answer } of table) {
        const match = pattern.exec(request.url);
        if (method === request.method && match) return answer(request, match);
      }
      return Response.json({ error: `No route ${name}`, code: "NOT_FOUND" }, {
        status: 404,
      });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    bodies,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** A stream of Server-Sent Events; `hold` keeps it open after the last one. */
export function events(
  list: { event?: string; id?: number; data: string }[],
  { hold }: { hold?: Promise<unknown> } = {},
): Response {
  const text = list.map(({ event, id, data }) =>
    (event === undefined ? "" : `event: ${event}\n`) +
    (id === undefined ? "" : `id: ${id}\n`) +
    data.split("\n").map((line) => `data: ${line}\n`).join("") + "\n"
  ).join("");
  async function* chunks() {
    yield new TextEncoder().encode(text);
    await hold;
  }
  return new Response(ReadableStream.from(chunks()), {
    headers: { "content-type": "text/event-stream" },
  });
}

/** An execution as the API shows it. */
export function execution(fields: Record<string, unknown> = {}) {
  return {
    id: 7,
    action_ref: "demo.hello",
    status: "completed",
    reason: null,
    attempt: 1,
    original_execution: null,
    created: "2026-03-01T10:00:00.000000+00:00",
    started_at: "2026-03-01T10:00:00.100000+00:00",
    finished_at: "2026-03-01T10:00:00.200000+00:00",
    config: {},
    result: { succeeded: true, exit_code: 0, duration_ms: 41 },
    ...fields,
  };
}
