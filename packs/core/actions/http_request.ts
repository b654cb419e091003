import { type Answer, exchange } from "../lib/http_exchange.ts";
import { type HttpParameters, readParameters } from "../lib/http_parameters.ts";

const BODY_BYTES = 5 * 1024 * 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

interface Result {
  status_code: number;
  headers: Record<string, string>;
  body: string;
  json: unknown;
  elapsed_ms: number;
  url: string;
  success: boolean;
  error?: string;
}

/**
 * Sends one HTTP request. Any answer is a result, whatever its status; when
 * there is none, `error` says why and the exit code is 1.
 */
export default async function (
  parameters: Record<string, unknown>,
): Promise<Result> {
  const started = performance.now();
  const elapsed = () => Math.round(performance.now() - started);
  let url = typeof parameters.url === "string" ? parameters.url : "";
  try {
    const request = readParameters(parameters);
    url = request.url.href;
    const answer = await follow(request, (at) => url = at.href);
    if (answer.cut) {
      await toStderr(`The body of ${url} is cut after ${BODY_BYTES} bytes\n`);
    }
    const body = textOf(answer);
    return {
      status_code: answer.status,
      headers: answer.headers,
      body,
      json: jsonOf(body),
      elapsed_ms: elapsed(),
      url,
      success: answer.status >= 200 && answer.status < 300,
    };
  } catch (error) {
    Deno.exitCode = 1;
    return {
      status_code: 0,
      headers: {},
      body: "",
      json: null,
      elapsed_ms: elapsed(),
      url,
      success: false,
      error: (error as Error).message,
    };
  }
}

async function toStderr(line: string): Promise<void> {
  await Deno.stderr.write(new TextEncoder().encode(line));
}

async function follow(
  request: HttpParameters,
  moved: (to: URL) => void,
): Promise<Answer> {
  const { timeoutSeconds, maxRedirects, followRedirects, verify } = request;
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(
      new Error(`No complete answer within ${timeoutSeconds} seconds`),
    );
  }, timeoutSeconds * 1000);
  try {
    let { method, url, headers, body } = request;
    for (let redirects = 0;; redirects++) {
      // deno-lint-ignore no-await-in-loop -- each redirect follows from the answer before
      const answer = await exchange(
        { method, url, headers, body, verify, bodyBytes: BODY_BYTES },
        late.signal,
      );
      const { location } = answer.headers;
      if (!followRedirects || !REDIRECTS.has(answer.status) || !location) {
        return answer;
      }
      if (redirects === maxRedirects) {
        throw new Error(
          `More than ${maxRedirects} redirects, the last to ${location}`,
        );
      }
      const target = redirectTarget(location, url);
      headers = headersFor(target, url, headers);
      if (becomesGet(answer.status, method)) {
        method = "GET";
        body = null;
        headers = without(headers, ["content-type", "content-length"]);
      }
      url = target;
      moved(url);
    }
  } finally {
    clearTimeout(timer);
  }
}

function redirectTarget(location: string, from: URL): URL {
  const target = URL.parse(location, from);
  if (target === null || !/^https?:$/.test(target.protocol)) {
    throw new Error(`Cannot follow a redirect to "${location}"`);
  }
  target.username = target.password = "";
  return target;
}

/** What proves who we are stays with the origin it was meant for. */
function headersFor(to: URL, from: URL, headers: Record<string, string>) {
  return to.origin === from.origin ? headers : without(headers, [
    "authorization",
    "proxy-authorization",
    "cookie",
    "host",
  ]);
}

function without(headers: Record<string, string>, names: string[]) {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !names.includes(name)),
  );
}

/** As browsers and curl do it. */
function becomesGet(status: number, method: string): boolean {
  if (status === 303) return method !== "HEAD";
  return (status === 301 || status === 302) && method === "POST";
}

function textOf({ body, headers, cut }: Answer): string {
  const charset = headers["content-type"]?.match(/charset="?([\w.:-]+)/i)?.[1];
  // `stream` holds back a character that the cut went through.
  return decoder(charset).decode(body, { stream: cut });
}

function decoder(charset = "utf-8"): TextDecoder {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}

function jsonOf(body: string): unknown {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}
