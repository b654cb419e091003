import { makeApp } from "./app.ts";
import type { ApiDeps } from "./env.ts";
import { openLive } from "./live.ts";

export interface ServeOptions {
  host: string;
  /** 0 = any free port. */
  port: number;
  /** How long open requests may take to end once the server is disposed of; default 3,000 ms. */
  graceMs?: number;
}

export interface ApiServer extends AsyncDisposable {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly port: number;
}

/**
 * Serves the API until disposed of: then no connection is accepted any more,
 * event streams end at once and other requests within the grace. Throws when
 * the address cannot be listened on.
 */
export async function serveApi(
  deps: Omit<ApiDeps, "live">,
  { host, port, graceMs = 3_000 }: ServeOptions,
): Promise<ApiServer> {
  await using undo = new AsyncDisposableStack();
  const live = undo.use(await openLive(deps.bus));
  const app = makeApp({ ...deps, live });
  const server = listen(host, port, (request) => app.fetch(request));
  undo.move();
  let closing: Promise<void> | undefined;

  async function close() {
    const ended = server.shutdown();
    await live[Symbol.asyncDispose]();
    if (await within(graceMs, ended)) return;
    deps.log.warn("requests were still open when the server stopped", {
      grace_ms: graceMs,
    });
  }

  return {
    url: `http://${
      host.includes(":") ? `[${host}]` : host
    }:${server.addr.port}`,
    port: server.addr.port,
    [Symbol.asyncDispose]: () => closing ??= close(),
  };
}

function listen(
  hostname: string,
  port: number,
  handler: (request: Request) => Response | Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, onListen: () => {} }, handler);
  } catch (cause) {
    throw new Error(
      `Cannot listen on ${hostname}:${port}: ${whyNot(cause)}`,
      { cause },
    );
  }
}

function whyNot(cause: unknown): string {
  if (cause instanceof Deno.errors.AddrInUse) {
    return "another program uses this port; stop it, or choose another port with ATTUNE__SERVER__PORT";
  }
  if (cause instanceof Deno.errors.AddrNotAvailable) {
    return "this machine does not have that address; set ATTUNE__SERVER__HOST to 127.0.0.1, 0.0.0.0 or an address of this machine";
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return "the system does not allow it; ports below 1024 need privileges, choose another with ATTUNE__SERVER__PORT";
  }
  return cause instanceof Error ? cause.message : String(cause);
}

/** False when `ms` pass first. */
async function within(ms: number, done: Promise<void>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([done.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
