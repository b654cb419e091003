import type { OpenAPIHono } from "@hono/zod-openapi";
import { join } from "node:path";
import { documentOf } from "../document.ts";
import type { ApiEnv } from "../env.ts";

/** What the page loads, from the swagger-ui-dist package and from here. */
const FILES: Record<string, string> = {
  "swagger-ui.css": "text/css; charset=utf-8",
  "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
  "favicon-32x32.png": "image/png",
};

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Attune API</title>
    <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

const START = `SwaggerUIBundle({
  url: "/api-spec/openapi.json",
  dom_id: "#ui",
  deepLinking: true,
  docExpansion: "none",
  persistAuthorization: true,
  validatorUrl: null,
});
`;

/** Adds the OpenAPI document and a page that shows it; nothing is loaded from elsewhere. */
export function addDocs(app: OpenAPIHono<ApiEnv>, version: string): void {
  let text: string | undefined;
  app.get("/api-spec/openapi.json", (c) => {
    text ??= JSON.stringify(documentOf(app, version));
    return c.body(text, 200, { "content-type": "application/json" });
  });
  app.get("/docs", (c) => c.html(PAGE));
  app.get(
    "/docs/start.js",
    (c) =>
      c.body(START, 200, { "content-type": "text/javascript; charset=utf-8" }),
  );
  app.get("/docs/:file", async (c) => {
    const name = c.req.param("file");
    const type = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
    if (type === undefined) return c.notFound();
    return c.body(await readAsset(name), 200, {
      "content-type": type,
      "cache-control": "public, max-age=86400",
    });
  });
}

/** The package is in the module graph, so it is there offline, but it is evaluated only here. */
async function readAsset(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const { default: packagePath } = await import(
    "swagger-ui-dist/absolute-path.js"
  );
  return await Deno.readFile(join(packagePath(), name));
}
