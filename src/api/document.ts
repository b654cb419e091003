import type { OpenAPIHono } from "@hono/zod-openapi";
import type { ApiEnv } from "./env.ts";

type Document = ReturnType<OpenAPIHono<ApiEnv>["getOpenAPI31Document"]>;
type Operation = NonNullable<NonNullable<Document["paths"]>[string]["get"]>;

const METHODS = ["get", "post", "put", "patch", "delete"] as const;

/** OpenAPI 3.1 document of every endpoint, with the errors that all of them share. */
export function documentOf(
  app: OpenAPIHono<ApiEnv>,
  version: string,
): Document {
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Attune",
      version,
      description:
        "Automation platform: packs of actions, executed by agents in any container.",
      license: {
        name: "Apache-2.0",
        url: "https://www.apache.org/licenses/LICENSE-2.0",
      },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, { cookie: [] }],
  });
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, ...ERROR_SCHEMAS },
    securitySchemes: {
      bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
      cookie: { type: "apiKey", in: "cookie", name: "attune_access_token" },
    },
  };
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of METHODS) {
      const operation = item[method];
      if (operation !== undefined) complete(operation, method, path);
    }
  }
  return document;
}

function complete(operation: Operation, method: string, path: string): void {
  operation.operationId ??= method + path.replace(/^\/api\/v1/, "").split("/")
    .map((part) => part.startsWith("{") ? `by-${part.slice(1, -1)}` : part)
    .join("-").replaceAll(/[-_.]+(\w)/g, (_, letter) => letter.toUpperCase());
  const isPublic = operation.security?.length === 0;
  const add = (status: string, description: string, schema = "Error") => {
    operation.responses ??= {};
    operation.responses[status] ??= {
      description,
      content: {
        "application/json": {
          schema: { $ref: `#/components/schemas/${schema}` },
        },
      },
    };
  };
  if (operation.parameters !== undefined) add("400", "Bad path or query value");
  if (!isPublic) {
    add("401", "The token is missing, malformed or expired", "TokenError");
    add("403", "A permission is missing");
  }
  if (path.includes("{")) add("404", "It does not exist, or is hidden");
  if (operation.requestBody !== undefined) {
    add("413", "The body is too large");
    add("415", "The body is of another type");
    add("422", "A field is missing or invalid");
  }
}

const ERROR_SCHEMAS: NonNullable<
  NonNullable<Document["components"]>["schemas"]
> = {
  Error: {
    type: "object",
    required: ["error", "code"],
    properties: {
      error: { type: "string", description: "For people" },
      code: {
        type: "string",
        description: "For programs",
        example: "NOT_FOUND",
      },
      details: {},
    },
  },
  TokenError: {
    type: "object",
    required: ["error"],
    properties: {
      error: {
        type: "object",
        required: ["code", "message"],
        properties: {
          code: { type: "integer", const: 401 },
          message: { type: "string" },
        },
      },
    },
  },
};
