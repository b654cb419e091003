/** Stable codes of the error envelope and their HTTP statuses (api.md 1.7). */
export const STATUS_OF = {
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  CONFLICT: 409,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  VALIDATION_ERROR: 422,
  UNPROCESSABLE_ENTITY: 422,
  TOO_MANY_REQUESTS: 429,
  INTERNAL_SERVER_ERROR: 500,
  DATABASE_ERROR: 500,
  NOT_IMPLEMENTED: 501,
} as const;
export type ErrorCode = keyof typeof STATUS_OF;

/** An answer other than success. Thrown anywhere in the api room, rendered once in `app.ts`. */
export class ApiError extends Error {
  override name = "ApiError";
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details?: unknown,
  ) {
    super(message);
  }
}

/** The token itself is missing, malformed, expired or of the wrong kind: it has an envelope of its own. */
export class TokenRefused extends Error {
  override name = "TokenRefused";
}
