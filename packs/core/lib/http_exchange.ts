import { Buffer } from "node:buffer";
import http from "node:http";
import net from "node:net";
import type { Duplex, Readable } from "node:stream";
import tls from "node:tls";
import zlib from "node:zlib";

const CONNECT_MS = 10_000;

export interface Request {
  method: string;
  url: URL;
  /** Lower-case names. */
  headers: Record<string, string>;
  body: Uint8Array | null;
  /** Refuse a server whose certificate cannot be verified. */
  verify: boolean;
  /** Most bytes of the body that are kept. */
  bodyBytes: number;
}

export interface Answer {
  status: number;
  /** Lower-case names; repeated ones joined by `, `. */
  headers: Record<string, string>;
  body: Uint8Array;
  /** True when the body had more than `bodyBytes`. */
  cut: boolean;
}

/**
 * One request and its answer, without following redirects. Rejects with a
 * readable message when there is none; an abort rejects with its reason.
 */
export async function exchange(
  request: Request,
  signal: AbortSignal,
): Promise<Answer> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  const socket = connect(request);
  try {
    limitConnecting(socket, request.url);
    const sent = http.request({
      method: request.method,
      path: request.url.pathname + request.url.search,
      headers: { host: request.url.host, ...request.headers },
      setHost: false,
      createConnection: () => socket,
    }, (answer) => readAnswer(answer, request).then(resolve, reject));
    sent.on("error", reject);
    sent.end(request.body ?? undefined);
    return await promise;
  } catch (error) {
    throw explained(error, request.url);
  } finally {
    signal.removeEventListener("abort", stop);
    // What comes after the answer is nobody's business any more.
    socket.on("error", () => {});
    socket.destroy();
  }
}

function limitConnecting(socket: net.Socket, url: URL) {
  const timer = setTimeout(() => {
    socket.destroy(
      new Error(`Cannot connect to ${url.host} within 10 seconds`),
    );
  }, CONNECT_MS);
  const done = url.protocol === "https:" ? "secureConnect" : "connect";
  for (const event of [done, "close"]) {
    socket.once(event, () => clearTimeout(timer));
  }
}

function connect({ url, verify }: Request): net.Socket {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  if (url.protocol === "http:") return net.connect({ host, port });
  return tls.connect({
    host,
    port,
    // A name only: the protocol has no place for an address here.
    ...(net.isIP(host) === 0 && { servername: host }),
    rejectUnauthorized: verify,
  });
}

async function readAnswer(
  message: http.IncomingMessage,
  { method, bodyBytes }: Request,
): Promise<Answer> {
  const headers = joined(message.rawHeaders);
  const chunks: Uint8Array[] = [];
  let room = bodyBytes;
  let cut = false;
  const body: Readable = method === "HEAD"
    ? message
    : decoded(message, headers["content-encoding"]);
  for await (const chunk of body) {
    if (chunk.byteLength > room) {
      chunks.push(chunk.subarray(0, room));
      cut = true;
      break;
    }
    chunks.push(chunk);
    room -= chunk.byteLength;
  }
  if (!cut && !message.complete) {
    throw new Error("The connection ended in the middle of the answer");
  }
  const status = message.statusCode ?? 0;
  return { status, headers, body: Buffer.concat(chunks), cut };
}

function joined(raw: readonly string[]): Record<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const before = headers.get(name);
    headers.set(
      name,
      before === undefined ? raw[i + 1]! : `${before}, ${raw[i + 1]}`,
    );
  }
  return Object.fromEntries(headers);
}

const DECODERS: Record<string, () => Duplex> = {
  gzip: zlib.createGunzip,
  "x-gzip": zlib.createGunzip,
  deflate: zlib.createInflate,
  br: zlib.createBrotliDecompress,
};

/** Some servers compress although nothing was said about it. */
function decoded(body: Readable, encoding = "identity"): Readable {
  const names = encoding.toLowerCase().split(",").map((name) => name.trim());
  return names.reverse().reduce<Readable>((stream, name) => {
    const decoder = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined;
    if (decoder === undefined) return stream;
    const next = decoder();
    stream.on("error", (error) => next.destroy(error));
    stream.on("aborted", () => next.destroy(new Error("aborted")));
    return stream.pipe(next);
  }, body);
}

/** The failure in words that name the host. */
function explained(error: unknown, url: URL): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const why = EXPLAINED[String(error.code)];
  if (why !== undefined) return new Error(why(url), { cause: error });
  if (
    url.protocol === "https:" &&
    /CERT|TLS|SSL|SIGNATURE|ALTNAME/.test(String(error.code))
  ) {
    return new Error(`TLS with ${url.host} failed: ${error.message}`, {
      cause: error,
    });
  }
  return new Error(`Request to ${url.host} failed: ${error.message}`, {
    cause: error,
  });
}

const EXPLAINED: Record<string, (url: URL) => string> = {
  ENOTFOUND: (url) => `Cannot resolve host name "${url.hostname}"`,
  EAI_AGAIN: (url) => `Cannot resolve host name "${url.hostname}" now`,
  ECONNREFUSED: (url) => `Connection refused by ${url.host}`,
  ECONNRESET: (url) =>
    `Connection closed by ${url.host} before the answer was complete`,
  EHOSTUNREACH: (url) => `No route to ${url.host}`,
  ENETUNREACH: (url) => `No network route to ${url.host}`,
  ETIMEDOUT: (url) => `Cannot connect to ${url.host}: timed out`,
};
