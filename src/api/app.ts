import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { cors } from "hono/cors";
import { matchedRoutes } from "hono/route";
import { authenticate } from "./auth/authenticate.ts";
import type { ApiDeps, ApiEnv } from "./env.ts";
import { ApiError } from "./errors.ts";
import { limitBody } from "./limit_body.ts";
import { renderError } from "./render_error.ts";
import { actions } from "./routes/actions.ts";
import { agentFiles } from "./routes/agent_files.ts";
import { agentSession } from "./routes/agent_session.ts";
import { agentWork } from "./routes/agent_work.ts";
import { artifacts } from "./routes/artifacts.ts";
import { auth } from "./routes/auth.ts";
import { authMe } from "./routes/auth_me.ts";
import { addDocs } from "./routes/docs.ts";
import { executionStreams } from "./routes/execution_streams.ts";
import { executions } from "./routes/executions.ts";
import { health } from "./routes/health.ts";
import { packInstall } from "./routes/pack_install.ts";
import { packs } from "./routes/packs.ts";
import { runtimes } from "./routes/runtimes.ts";
import { workers } from "./routes/workers.ts";

/** Every router, in order: a literal path must come before a parameter that matches it. */
const ROUTERS: OpenAPIHono<ApiEnv>[] = [
  health,
  auth,
  authMe,
  packInstall,
  packs,
  actions,
  runtimes,
  workers,
  executionStreams,
  executions,
  artifacts,
  agentSession,
  agentWork,
  agentFiles,
];

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

export type Api = OpenAPIHono<ApiEnv>;

/** The whole HTTP API. Errors are rendered here and nowhere else; authentication comes before any parsing. */
export function makeApp(deps: ApiDeps): Api {
  const app: Api = new OpenAPIHono<ApiEnv>();
  app.onError(renderError);
  app.notFound((c) => {
    throw notFoundOrMethod(app, c);
  });
  app.use(async (c, next) => {
    c.set("deps", deps);
    const given = c.req.header("x-request-id") ?? "";
    const id = /^[\w.-]{1,64}$/.test(given) ? given : crypto.randomUUID();
    c.header("x-request-id", id);
    await next();
  });
  app.use(cors({
    origin: deps.settings.corsOrigins,
    credentials: true,
    exposeHeaders: ["X-Request-Id", "ETag", "Content-Disposition"],
    maxAge: 600,
  }));
  app.use("/api/v1/*", (c, next) => exists(c) ? authenticate(c, next) : next());
  app.use(limitBody);
  for (const router of ROUTERS) app.route("/", router);
  addDocs(app, deps.settings.version);
  return app;
}

/** True when something other than middleware answers the request. */
function exists(c: Context<ApiEnv>): boolean {
  return matchedRoutes(c).some(({ method }) => method !== "ALL");
}

function notFoundOrMethod(app: Api, c: Context<ApiEnv>): ApiError {
  const { path, method } = c.req;
  const others = METHODS.filter((other) =>
    other !== method &&
    app.router.match(other, path)[0].some(([[, route]]) =>
      route.method !== "ALL"
    )
  );
  if (others.length === 0) {
    return new ApiError("NOT_FOUND", `No such endpoint: ${method} ${path}`);
  }
  c.header("allow", others.join(", "));
  return new ApiError(
    "METHOD_NOT_ALLOWED",
    `${method} is not possible on ${path}; use ${others.join(" or ")}`,
  );
}
