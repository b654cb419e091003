import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ApiEnv } from "./env.ts";
import { ApiError, type ErrorCode, STATUS_OF, TokenRefused } from "./errors.ts";

/** The only place that turns an error into an answer (api.md 1.7). Faults of ours are logged, never shown. */
export function renderError(error: Error, c: Context<ApiEnv>): Response {
  if (error instanceof TokenRefused && !wantsPlainShape(c.req.path)) {
    const body = isAgentPath(c.req.path)
      ? { error: "Unauthorized", message: error.message }
      : { error: { code: 401, message: error.message } };
    return c.json(body, 401, { "WWW-Authenticate": "Bearer" });
  }
  const shown = toApiError(error, c.req.url);
  if (STATUS_OF[shown.code] >= 500 && !(error instanceof ApiError)) {
    c.var.deps.log.error("request failed", {
      method: c.req.method,
      path: c.req.path,
      request: c.res.headers.get("x-request-id"),
      error,
    });
  }
  return c.json(
    isAgentPath(c.req.path) ? agentShape(shown) : plainShape(shown),
    STATUS_OF[shown.code],
  );
}

function toApiError(error: Error, url: string): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof TokenRefused) {
    return new ApiError("UNAUTHORIZED", error.message);
  }
  if (error instanceof HTTPException) {
    return new ApiError(
      CODE_OF_STATUS.get(error.status) ?? "BAD_REQUEST",
      error.message,
    );
  }
  return databaseFault(error, url) ??
    new ApiError(
      "INTERNAL_SERVER_ERROR",
      "Something went wrong on the server; its log has the details under this request's X-Request-Id",
    );
}

const CODE_OF_STATUS = new Map<number, ErrorCode>([
  [400, "BAD_REQUEST"],
  [413, "PAYLOAD_TOO_LARGE"],
  [415, "UNSUPPORTED_MEDIA_TYPE"],
]);

const CANNOT_BE_STORED = new Set(["22021", "22P05"]);

function databaseFault(error: Error, url: string): ApiError | undefined {
  const code = "code" in error && typeof error.code === "string"
    ? error.code
    : "";
  if (error.name === "PostgresError") {
    return CANNOT_BE_STORED.has(code)
      ? new ApiError(
        url.includes("%00") ? "BAD_REQUEST" : "VALIDATION_ERROR",
        "Text may not contain the NUL character or lone surrogates",
      )
      : new ApiError("DATABASE_ERROR", "The database refused the statement");
  }
  if (/^(CONNECT|ECONN|EPIPE|ETIMEDOUT|ENOENT$)/.test(code)) {
    return new ApiError("DATABASE_ERROR", "The database cannot be reached");
  }
  return undefined;
}

function plainShape({ message, code, details }: ApiError) {
  return {
    error: message,
    code,
    ...(details === undefined ? {} : { details }),
  };
}

function agentShape({ message, code, details }: ApiError) {
  return {
    error: code,
    message,
    ...(details === undefined ? {} : { details }),
  };
}

/** `GET /auth/me` and the event streams use the plain shape for a bad token too. */
function wantsPlainShape(path: string): boolean {
  return path === "/auth/me" || path.endsWith("/stream");
}

function isAgentPath(path: string): boolean {
  return path.startsWith("/api/v1/agent/");
}
