import { Buffer } from "node:buffer";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/** Headers that belong to the connection and follow from the body. */
const OURS = new Set(["connection", "content-length", "transfer-encoding"]);

/** The action's parameters, checked. */
export interface HttpParameters {
  method: string;
  url: URL;
  /** Lower-case names, `authorization` included. */
  headers: Record<string, string>;
  body: Uint8Array | null;
  timeoutSeconds: number;
  verify: boolean;
  /** 0 = the redirect itself is the answer. */
  maxRedirects: number;
  followRedirects: boolean;
}

type Values = Record<string, unknown>;

/** Reads the parameters; throws an Error that names the one that is wrong. */
export function readParameters(values: Values): HttpParameters {
  const method = String(values.method ?? "GET").toUpperCase();
  if (!METHODS.includes(method)) {
    throw new Error(
      `method must be one of ${METHODS.join(", ")}, not "${values.method}"`,
    );
  }
  const url = readUrl(values);
  const headers: Record<string, string> = {
    accept: "*/*",
    "user-agent": "attune",
    ...readHeaders(values.headers),
  };
  const body = readBody(values, headers);
  const authorization = readAuth(values, url);
  if (authorization !== undefined) headers.authorization = authorization;
  url.username = url.password = "";
  return {
    method,
    url,
    headers,
    body,
    timeoutSeconds: integer(values, "timeout", 30, { least: 1, most: 300 }),
    verify: values.verify_ssl !== false,
    followRedirects: values.follow_redirects !== false,
    maxRedirects: integer(values, "max_redirects", 10, { least: 0, most: 100 }),
  };
}

function readUrl({ url: text, query_params: query }: Values): URL {
  const url = typeof text === "string" ? URL.parse(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Error(`url must be an http or https URL, not "${text ?? ""}"`);
  }
  const pairs = Object.entries(object(query, "query_params")).flatMap(
    ([name, value]) =>
      (Array.isArray(value) ? value : [value])
        .filter((one) => one !== null)
        .map((one) =>
          `${encodeURIComponent(name)}=${encodeURIComponent(plain(one))}`
        ),
  );
  if (pairs.length > 0) {
    url.search += (url.search === "" ? "?" : "&") + pairs.join("&");
  }
  return url;
}

function readHeaders(given: unknown): Record<string, string> {
  const pairs = Object.entries(object(given, "headers")).flatMap(
    ([name, value]): [string, string][] => {
      const lower = name.toLowerCase();
      if (value === null || OURS.has(lower)) return [];
      const values = Array.isArray(value) ? value : [value];
      return [[lower, values.map(plain).join(", ")]];
    },
  );
  return Object.fromEntries(pairs);
}

function readBody(
  { body, json_body: json }: Values,
  headers: Record<string, string>,
): Uint8Array | null {
  if (json !== undefined && json !== null) {
    headers["content-type"] ??= "application/json";
    return withLength(JSON.stringify(json), headers);
  }
  if (body === undefined || body === null) return null;
  return withLength(plain(body), headers);
}

function withLength(text: string, headers: Record<string, string>) {
  const bytes = new TextEncoder().encode(text);
  headers["content-length"] = String(bytes.length);
  return bytes;
}

/** The Authorization header; credentials in the URL count when nothing else is given. */
function readAuth(values: Values, url: URL): string | undefined {
  const type = String(values.auth_type ?? "none").toLowerCase();
  if (type === "bearer") {
    if (typeof values.auth_token !== "string" || values.auth_token === "") {
      throw new Error("auth_token is needed for auth_type bearer");
    }
    return `Bearer ${values.auth_token}`;
  }
  if (type === "basic") {
    const { auth_username: user = "", auth_password: password = "" } = values;
    return basic(plain(user ?? ""), plain(password ?? ""));
  }
  if (type !== "none") {
    throw new Error(
      `auth_type must be one of none, basic, bearer, not "${values.auth_type}"`,
    );
  }
  if (url.username === "" && url.password === "") return undefined;
  return basic(
    decodeURIComponent(url.username),
    decodeURIComponent(url.password),
  );
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

function object(value: unknown, name: string): Values {
  if (value === undefined || value === null) return {};
  if (typeof value === "object" && !Array.isArray(value)) {
    return value as Values;
  }
  throw new Error(`${name} must be an object, not ${JSON.stringify(value)}`);
}

function integer(
  values: Values,
  name: string,
  otherwise: number,
  { least, most }: { least: number; most: number },
): number {
  const value = values[name] ?? otherwise;
  if (
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most
  ) {
    return Number(value);
  }
  throw new Error(
    `${name} must be a whole number from ${least} to ${most}, not ${
      JSON.stringify(value)
    }`,
  );
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}
