import { OpenAPIHono, type RouteConfig, type z } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler, Next } from "hono";
import type { ApiEnv } from "./env.ts";
import { ApiError } from "./errors.ts";

type Spec = Omit<RouteConfig, "path" | "middleware"> & { path: string };

/** A router of one resource; `app.ts` mounts it. Bad path and query values are 400, bad bodies 422. */
export function makeRouter(): OpenAPIHono<ApiEnv> {
  return new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (!result.success) throw inputFault(result.target, result.error);
    },
  });
}

/**
 * One endpoint: path (`/packs/{ref}`), shapes, documentation. `before` runs
 * after authentication and before query and body are read.
 */
export function endpoint<const P extends string, R extends Spec & { path: P }>(
  route: R,
  ...before: MiddlewareHandler<ApiEnv>[]
): R {
  const body = route.request?.body;
  const middleware = [...before];
  if (body?.content["application/json"] !== undefined) {
    middleware.push(body.required === true ? requireJson : allowEmptyBody);
  }
  return { ...route, middleware };
}

/** A JSON answer of an endpoint, for its `responses`. */
export function json(
  schema: z.ZodType,
  description: string,
): { description: string } {
  const content = { "application/json": { schema } };
  // The type leaves `content` out: rows are checked where they are made, not once more per route.
  return { description, content } as { description: string };
}

/** The JSON body of an endpoint, for its `request`. */
export function body<T extends z.ZodType>(schema: T) {
  return { required: true, content: { "application/json": { schema } } };
}

/** A JSON body whose fields are all optional: it may be left out. */
export function optionalBody<T extends z.ZodType>(schema: T) {
  return { required: false, content: { "application/json": { schema } } };
}

const JSON_TYPE = /^application\/([\w.-]+\+)?json\s*(;|$)/i;

function requireJson(c: Context, next: Next) {
  const type = c.req.header("content-type") ?? "";
  if (JSON_TYPE.test(type)) return next();
  throw new ApiError(
    "UNSUPPORTED_MEDIA_TYPE",
    `The body must be JSON, sent with "Content-Type: application/json"; got ${
      type === "" ? "no Content-Type" : `"${type}"`
    }`,
  );
}

/** `curl -X POST -d ''` declares a form: an empty body is an empty object whatever its type. */
async function allowEmptyBody(c: Context, next: Next) {
  const { raw } = c.req;
  if (raw.body === null || (await c.req.text()).trim() === "") {
    const headers = new Headers(raw.headers);
    headers.set("content-type", "application/json");
    // Without its signal: touching that makes Deno warn about when it aborts.
    const { url, method } = raw;
    c.req.raw = new Request(url, { method, headers, body: "{}" });
    c.req.bodyCache = {};
  }
  await next();
}

function inputFault(target: string, error: z.ZodError): ApiError {
  const details = error.issues.map(({ path, message }) => ({
    path: path.join("."),
    message,
  }));
  const text = details
    .map(({ path, message }) => path === "" ? message : `${path}: ${message}`)
    .join("; ");
  if (target === "json" || target === "form") {
    return new ApiError("VALIDATION_ERROR", `Invalid body: ${text}`, details);
  }
  const where = target === "param" ? "path" : target;
  return new ApiError(
    "BAD_REQUEST",
    `Invalid ${where} value: ${text}`,
    details,
  );
}
