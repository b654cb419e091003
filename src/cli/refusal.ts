import { CliError, EXIT } from "./exit.ts";

interface Asked {
  method: string;
  path: string;
  url: string;
}

interface ErrorBody {
  error?: string | { message?: string };
  code?: string;
  details?: unknown;
}

/** The error for an answer that is not 2xx: one line, and what to do about it. */
export async function refusal(
  answer: Response,
  { method, path, url }: Asked,
): Promise<CliError> {
  const text = await answer.text();
  const body = parse(text);
  const said = typeof body.error === "string" ? body.error : body.error
    ?.message;
  const message = said ??
    `${method} ${path} answered ${answer.status}: ${text.slice(0, 200)}`;
  const lines = [message, ...detailLines(body.details)];
  const hint = hintFor(answer.status, { path, url });
  if (hint !== undefined) lines.push(hint);
  const exitCode = answer.status >= 500 ? EXIT.unreachable : EXIT.refused;
  return new CliError(exitCode, lines.join("\n"));
}

/** The error for an API that does not answer at all. */
export function unreachable(url: string, cause: unknown): CliError {
  const reason = rootMessage(cause);
  const refused = /refused/i.test(reason);
  const lines = [
    refused
      ? `Nothing answers at ${url} (connection refused)`
      : `Cannot reach ${url}: ${reason}`,
    "Start the platform with: deno task start",
    "Or name another one: --url, ATTUNE_API_URL, or attune auth login --url URL",
  ];
  return new CliError(EXIT.unreachable, lines.join("\n"));
}

/** `fetch` wraps what went wrong, sometimes twice. */
function rootMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error
    ? rootMessage(error.cause)
    : error.message;
}

function hintFor(
  status: number,
  { path, url }: { path: string; url: string },
): string | undefined {
  if (status === 401) return `Log in with: attune auth login --url ${url}`;
  if (status === 403) return "See your permissions with: attune auth whoami";
  if (status === 409 && path.startsWith("/api/v1/packs/")) {
    return "Replace it with: --force";
  }
  if (status === 503) return "The platform is starting or a part of it is down";
  return undefined;
}

function parse(text: string): ErrorBody {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Faults of a pack come with file and line; other details as they are. */
function detailLines(details: unknown): string[] {
  if (details === undefined || details === null) return [];
  const list = Array.isArray(details)
    ? details
    : (details as { errors?: unknown }).errors;
  if (!Array.isArray(list)) return [`  ${JSON.stringify(details)}`];
  return list.map((item) => `  ${faultLine(item)}`);
}

/** `mypack/actions/a.yaml:9: unknown key ...` of a fault object. */
export function faultLine(fault: unknown): string {
  if (typeof fault !== "object" || fault === null) return String(fault);
  const { file, line, message, path } = fault as Record<string, unknown>;
  if (typeof message !== "string") return JSON.stringify(fault);
  if (typeof file === "string") {
    const place = typeof line === "number" ? `${file}:${line}` : file;
    return message.startsWith(place) ? message : `${place}: ${message}`;
  }
  const at = Array.isArray(path) ? path.join(".") : path;
  return at === undefined || at === "" ? message : `${at}: ${message}`;
}
