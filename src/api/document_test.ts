import assert from "node:assert/strict";
import { apiWorld } from "../../tests/support/api_world.ts";
import { documentOf } from "./document.ts";

type Schema = Record<string, unknown>;
interface Operation {
  operationId: string;
  summary: string;
  security?: unknown[];
  parameters?: {
    name: string;
    in: string;
    required?: boolean;
    schema: Schema;
  }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<
    string,
    { description: string; content?: Record<string, { schema: Schema }> }
  >;
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

async function theDocument() {
  await using t = await apiWorld();
  const answer = await t.ask("GET", "/api-spec/openapi.json", { token: null });
  assert.equal(answer.headers.get("content-type"), "application/json");
  const routes = t.app.routes.filter(({ method }) => method !== "ALL")
    .map(({ method, path }) =>
      `${method.toLowerCase()} ${
        path.replaceAll(/:(\w+)(\{[^}]*\})?/g, "{$1}")
      }`
    );
  const document: Document = await answer.json();
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      name: `${method} ${path}`,
      method,
      path,
      operation,
    }))
  );
  return { document, operations, routes: [...new Set(routes)] };
}

/** Files that agents stream to and from the server. */
const RAW = /^\w+ \/api\/v1\/agent\/(packs|executions)\//;

Deno.test("the OpenAPI document has every route and no other", async () => {
  const { operations, routes } = await theDocument();
  const undocumented = [
    "get /docs",
    "get /docs/start.js",
    "get /docs/{file}",
    "get /api-spec/openapi.json",
  ];
  assert.deepEqual(
    operations.map(({ name }) => name).toSorted(),
    routes.filter((route) => !undocumented.includes(route) && !RAW.test(route))
      .toSorted(),
  );
});

Deno.test("the OpenAPI document is well formed", async () => {
  const { document, operations } = await theDocument();
  assert.match(document.openapi, /^3\.1\./);
  const ids = operations.map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length, "operation ids are unique");
  for (const { name, path, method, operation } of operations) {
    assert.match(operation.operationId, /^[a-zA-Z]\w*$/, name);
    assert.ok(operation.summary, name);
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, one]) => one);
    const declared = (operation.parameters ?? []).filter((p) =>
      p.in === "path"
    );
    assert.deepEqual(
      declared.map((p) => p.name).toSorted(),
      inPath.toSorted(),
      name,
    );
    for (const one of declared) assert.equal(one.required, true, name);
    assert.ok(Object.keys(operation.responses).length > 0, name);
    for (
      const [status, { description }] of Object.entries(operation.responses)
    ) {
      assert.match(status, /^[1-5]\d\d$/, name);
      assert.ok(description, `${name} ${status}`);
    }
    if (operation.requestBody !== undefined) {
      assert.notEqual(method, "get", name);
    }
  }
  const refs: string[] = [];
  JSON.stringify(document, (key, value) => {
    if (key === "$ref") refs.push(value);
    assert.notEqual(key, "nullable", "3.1 has null types instead");
    return value;
  });
  assert.ok(refs.length > 50);
  for (const ref of new Set(refs)) {
    const [, name] = /^#\/components\/schemas\/(.+)$/.exec(ref) ?? [];
    assert.ok(name !== undefined && document.components.schemas[name], ref);
  }
});

Deno.test("every endpoint that is not public refuses to serve without a token", async (test) => {
  const { operations } = await theDocument();
  await using t = await apiWorld();
  for (const { name, method, path, operation } of operations) {
    if (operation.security?.length === 0) continue;
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await test.step(name, async () => {
      const target = path.replaceAll(/\{\w+\}/g, "1");
      const answer = await t.ask(method.toUpperCase(), target, { token: null });
      await answer.body?.cancel();
      assert.equal(answer.status, 401);
    });
  }
});

Deno.test("GET /docs shows the document with what this server has", async () => {
  await using t = await apiWorld();
  const page = await t.ask("GET", "/docs", { token: null });
  const html = await page.text();
  assert.match(page.headers.get("content-type")!, /^text\/html/);
  assert.doesNotMatch(html, /https?:\/\//, "nothing comes from elsewhere");
  const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) =>
    link!
  );
  assert.equal(links.length, 4);
  for (const link of links) {
    // deno-lint-ignore no-await-in-loop
    const answer = await t.ask("GET", link, { token: null });
    assert.equal(answer.status, 200, link);
    // deno-lint-ignore no-await-in-loop
    assert.ok((await answer.arrayBuffer()).byteLength > 100, link);
  }
  const start = await (await t.ask("GET", "/docs/start.js")).text();
  assert.match(start, /api-spec\/openapi\.json/);
  for (
    const path of [
      "/docs/package.json",
      "/docs/..%2fpackage.json",
      "/docs/constructor",
    ]
  ) {
    // deno-lint-ignore no-await-in-loop
    await t.json(404, "GET", path);
  }
});

Deno.test("documentOf() gives every resource the fields of its shape", async () => {
  await using t = await apiWorld();
  const document = documentOf(t.app, "1.2.3") as unknown as Document;
  const times = "created updated";
  const actionSummary =
    `id ref pack_ref label description entrypoint enabled runtime runtime_ref runtime_version_constraint required_worker_runtimes worker_selector worker_tolerations worker_affinity workflow_def accesses_mcp default_execution_permission_set_refs timeout_seconds reference_visibility reference_allowed_pack_refs artifact_retention_policy artifact_retention_limit log_retention_policy log_retention_limit ${times}`;
  const packSummary =
    `id ref label description version tags is_standard ${times}`;
  const runtimeSummary = `id ref pack_ref description name ${times}`;
  const executionSummary =
    `id action_ref status parent enforcement rule_ref trigger_ref started_at workflow_task original_execution timeout_seconds ${times} reason attempt finished_at`;
  const artifactSummary =
    `id ref type visibility name content_type size_bytes scope owner ${times}`;
  const versionSummary =
    "id version execution content_type size_bytes file_path created_by created";
  const shapes: Record<string, string> = {
    Success: "success message",
    TokenResponse: "access_token refresh_token token_type expires_in user",
    CurrentUser:
      "id login display_name auth_provider is_local can_change_password provider_profile effective_permissions assigned_permission_set_refs",
    AuthSettings:
      "authentication_enabled local_password_enabled local_password_visible_by_default oidc_enabled oidc_visible_by_default oidc_provider_name oidc_provider_label oidc_provider_icon_url ldap_enabled ldap_visible_by_default ldap_provider_name ldap_provider_label ldap_provider_icon_url self_registration_enabled",
    PackSummary: packSummary,
    Pack: `${packSummary} conf_schema config meta runtime_deps dependencies`,
    ActionSummary: actionSummary,
    Action: `${actionSummary} pack param_schema out_schema is_adhoc`,
    ActionSearchHit:
      "ref pack_ref label description runtime_ref is_workflow accesses_mcp reference_visibility",
    RuntimeSummary: runtimeSummary,
    Runtime:
      `${runtimeSummary} pack distributions installation execution_config`,
    Worker:
      `id name worker_type worker_role host port status last_heartbeat heartbeat_age_seconds heartbeat_stale cordoned cordon_reason cordoned_by cordoned_at health_state supported_runtimes load ${times} isolation`,
    ExecutionSummary: executionSummary,
    Execution:
      `${executionSummary} action config executor permission_set_refs artifact_retention_policy artifact_retention_limit worker_selector worker_tolerations worker_affinity worker result isolation`,
    ArtifactSummary: artifactSummary,
    Artifact:
      `${artifactSummary} retention_policy retention_limit description data`,
    ArtifactVersionSummary: versionSummary,
    ArtifactVersion: `${versionSummary} artifact content_json meta`,
  };
  for (const [name, fields] of Object.entries(shapes)) {
    const schema = document.components.schemas[name] as {
      required?: string[];
      properties?: Schema;
    } | undefined;
    assert.ok(schema, `${name} is served`);
    for (const field of fields.split(" ")) {
      assert.ok(
        schema.required?.includes(field),
        `${name}.${field} is required`,
      );
      assert.ok(schema.properties?.[field], `${name}.${field} is described`);
    }
  }
});
