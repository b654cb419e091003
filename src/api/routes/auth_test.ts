import assert from "node:assert/strict";
import {
  type ApiWorld,
  apiWorld,
  JWT_SECRET,
} from "../../../tests/support/api_world.ts";
import { ensureAdmin } from "../auth/bootstrap.ts";
import { hashPassword } from "../auth/passwords.ts";
import { readToken, signExecutionToken } from "../auth/tokens.ts";

const PASSWORD = "TestPass123!";
const HASH = await hashPassword(PASSWORD);

async function anIdentity(
  t: ApiWorld,
  login: string,
  { frozen = false, hash = HASH as string | null } = {},
): Promise<number> {
  const [row] = await t.sql<{ id: number }[]>`
    insert into identity (login, display_name, password_hash, frozen)
    values (${login}, 'Ann', ${hash}, ${frozen}) returning id`;
  return row!.id;
}

function post(t: ApiWorld, status: number, path: string, body: unknown) {
  return t.json(status, "POST", path, { token: null, body });
}

Deno.test("POST /auth/login answers tokens that work", async () => {
  await using t = await apiWorld();
  const id = await anIdentity(t, "ann");
  const { data } = await post(t, 200, "/auth/login", {
    login: "ann",
    password: PASSWORD,
  });
  assert.deepEqual({ ...data, access_token: "", refresh_token: "" }, {
    access_token: "",
    refresh_token: "",
    token_type: "Bearer",
    expires_in: 3600,
    user: { id, login: "ann", display_name: "Ann" },
  });
  const me = await t.json(200, "GET", "/auth/me", { token: data.access_token });
  assert.deepEqual(me.data, {
    id,
    login: "ann",
    display_name: "Ann",
    auth_provider: "local",
    is_local: true,
    can_change_password: true,
    provider_profile: null,
    effective_permissions: [],
    assigned_permission_set_refs: [],
  });
  const claims = await readToken(JWT_SECRET, data.refresh_token);
  assert.equal(claims.token_type, "refresh");
  assert.equal(claims.exp - claims.iat, 7200);
});

Deno.test("the public /auth endpoints refuse with the right status", async (test) => {
  await using t = await apiWorld();
  await anIdentity(t, "ann");
  await anIdentity(t, "cold", { frozen: true });
  await anIdentity(t, "keyless", { hash: null });
  const { data: session } = await post(t, 200, "/auth/login", {
    login: "ann",
    password: PASSWORD,
  });
  const long = "x".repeat(256);
  const cases: [string, unknown, number, string][] = [
    ["/auth/login", { login: "none", password: PASSWORD }, 401, "UNAUTHORIZED"],
    ["/auth/login", { login: "ann", password: "wrong" }, 401, "UNAUTHORIZED"],
    ["/auth/login", { login: "ANN", password: PASSWORD }, 401, "UNAUTHORIZED"],
    [
      "/auth/login",
      { login: "keyless", password: PASSWORD },
      401,
      "UNAUTHORIZED",
    ],
    [
      "/auth/login",
      { login: "system", password: PASSWORD },
      401,
      "UNAUTHORIZED",
    ],
    ["/auth/login", { login: "cold", password: PASSWORD }, 403, "FORBIDDEN"],
    ["/auth/login", { login: "cold", password: "wrong" }, 401, "UNAUTHORIZED"],
    ["/auth/login", { login: "", password: "x" }, 422, "VALIDATION_ERROR"],
    ["/auth/login", { login: long, password: "x" }, 422, "VALIDATION_ERROR"],
    ["/auth/login", { login: "ann", password: "" }, 422, "VALIDATION_ERROR"],
    ["/auth/login", { login: "ann" }, 422, "VALIDATION_ERROR"],
    ["/auth/token-login", { token: "attune_it_x" }, 401, "UNAUTHORIZED"],
    ["/auth/token-login", {}, 422, "VALIDATION_ERROR"],
    ["/auth/ldap/login", { login: "", password: "x" }, 422, "VALIDATION_ERROR"],
    ["/auth/ldap/login", { login: "ann" }, 422, "VALIDATION_ERROR"],
    [
      "/auth/ldap/login",
      { login: "ann", password: "x" },
      501,
      "NOT_IMPLEMENTED",
    ],
    ["/auth/register", {}, 403, "FORBIDDEN"],
    ["/auth/refresh", { refresh_token: "abc" }, 401, "UNAUTHORIZED"],
    [
      "/auth/refresh",
      { refresh_token: session.access_token },
      401,
      "UNAUTHORIZED",
    ],
    ["/auth/refresh", undefined, 401, "UNAUTHORIZED"],
    ["/auth/refresh", { refresh_token: 5 }, 422, "VALIDATION_ERROR"],
  ];
  for (const [path, body, status, code] of cases) {
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await test.step(
      `${path} ${JSON.stringify(body)}`.slice(0, 80),
      async () => {
        assert.equal((await post(t, status, path, body)).code, code);
      },
    );
  }
  for (const path of ["/auth/oidc/login", "/auth/callback"]) {
    // deno-lint-ignore no-await-in-loop
    await t.json(501, "GET", path, { token: null });
  }
});

Deno.test("POST /auth/register makes an identity without grants, once", async () => {
  await using t = await apiWorld({ allowSelfRegistration: true });
  const body = { login: "new", password: PASSWORD, display_name: null };
  const { data } = await post(t, 200, "/auth/register", body);
  assert.equal(data.user.display_name, null);
  const token = data.access_token;
  await t.json(403, "GET", "/api/v1/workers", { token });
  await t.json(200, "GET", "/api/v1/actions", { token });
  assert.equal((await post(t, 409, "/auth/register", body)).code, "CONFLICT");
  for (
    const bad of [{ login: "ab" }, { password: "short" }, {
      password: "x".repeat(129),
    }]
  ) {
    // deno-lint-ignore no-await-in-loop
    await post(t, 422, "/auth/register", { ...body, ...bad });
  }
  const settings = await t.json(200, "GET", "/auth/settings", { token: null });
  assert.equal(settings.data.self_registration_enabled, true);
});

Deno.test("POST /auth/refresh answers fresh tokens, by cookie with new cookies", async () => {
  await using t = await apiWorld();
  const id = await anIdentity(t, "ann");
  const { data: session } = await post(t, 200, "/auth/login", {
    login: "ann",
    password: PASSWORD,
  });
  const { refresh_token } = session;
  const { data } = await post(t, 200, "/auth/refresh", { refresh_token });
  assert.equal(data.user, null);
  await t.json(200, "GET", "/api/v1/actions", { token: data.access_token });
  await post(t, 200, "/auth/refresh", { refresh_token });

  const cookie = `attune_refresh_token=${refresh_token}`;
  for (
    const headers of [{ cookie }, {
      cookie,
      "content-type": "application/x-www-form-urlencoded",
    }]
  ) {
    // deno-lint-ignore no-await-in-loop
    const answer = await t.ask("POST", "/auth/refresh", {
      token: null,
      headers,
    });
    assert.equal(answer.status, 200);
    const set = answer.headers.getSetCookie();
    assert.equal(set.length, 2);
    for (const one of set) {
      assert.match(one, /; Path=\/; HttpOnly; SameSite=Lax$/);
    }
    // deno-lint-ignore no-await-in-loop
    await answer.body?.cancel();
  }
  await t.sql`update identity set frozen = true where id = ${id}`;
  await post(t, 403, "/auth/refresh", { refresh_token });
  await t.sql`delete from identity where id = ${id}`;
  await post(t, 401, "/auth/refresh", { refresh_token });
});

Deno.test("GET /auth/logout clears the cookies", async () => {
  await using t = await apiWorld();
  const answer = await t.ask("GET", "/auth/logout", { token: null });
  assert.equal(answer.status, 307);
  assert.equal(answer.headers.get("location"), "/login");
  const cleared = answer.headers.getSetCookie();
  assert.deepEqual(cleared.map((one) => one.split("=")[0]), [
    "attune_access_token",
    "attune_refresh_token",
  ]);
  for (const one of cleared) assert.match(one, /Max-Age=0/);
});

Deno.test("/auth/me shows and changes only what the token may", async () => {
  await using t = await apiWorld();
  const id = await anIdentity(t, "ann");
  const { data: session } = await post(t, 200, "/auth/login", {
    login: "ann",
    password: PASSWORD,
  });
  const token = session.access_token;
  const put = (body: unknown) =>
    t.json(200, "PUT", "/auth/me", { token, body });
  assert.equal((await put({ display_name: "Anna" })).data.display_name, "Anna");
  assert.equal((await put({ display_name: null })).data.display_name, "Anna");
  assert.equal((await put({ display_name: "  " })).data.display_name, null);
  await t.json(422, "PUT", "/auth/me", { token, body: { display_name: 5 } });

  const plain = await t.json(401, "GET", "/auth/me", { token: null });
  assert.deepEqual(Object.keys(plain), ["error", "code"]);
  assert.equal(plain.code, "UNAUTHORIZED");
  await t.json(401, "GET", "/auth/me", { token: session.refresh_token });

  const [set] = await t.sql<{ id: number }[]>`
    insert into permission_set (ref, grants) values ('demo.ops',
      '[{"resource":"packs","actions":["read"]},{"resource":"actions","actions":["read","execute"]},{"resource":"packs","actions":["create","read"]}]')
    returning id`;
  await t
    .sql`insert into permission_assignment (identity, permission_set) values (${id}, ${
    set!.id
  })`;
  const { data: me } = await t.json(200, "GET", "/auth/me", { token });
  assert.deepEqual(me.effective_permissions, [
    { resource: "actions", actions: ["execute", "read"] },
    { resource: "packs", actions: ["create", "read"] },
  ]);
  assert.deepEqual(me.assigned_permission_set_refs, ["demo.ops"]);

  const execution = await signExecutionToken(JWT_SECRET, {
    executionId: 1,
    actionRef: "demo.a",
    packRef: "demo",
    permissionSetRefs: [],
    identityId: id,
    ttlS: 60,
  });
  const seen = await t.json(200, "GET", "/auth/me", { token: execution });
  assert.deepEqual(seen.data.effective_permissions, []);
  await t.json(403, "PUT", "/auth/me", { token: execution, body: {} });

  await t.sql`update identity set frozen = true where id = ${id}`;
  await t.json(403, "GET", "/auth/me", { token });
  await t.sql`delete from identity where id = ${id}`;
  await t.json(404, "GET", "/auth/me", { token });
});

Deno.test("POST /auth/change-password wants the current one", async () => {
  await using t = await apiWorld();
  await anIdentity(t, "ann");
  const login = (password: string, status: number) =>
    post(t, status, "/auth/login", { login: "ann", password });
  const token = (await login(PASSWORD, 200)).data.access_token;
  const change = (
    status: number,
    current_password: string,
    new_password: string,
  ) =>
    t.json(status, "POST", "/auth/change-password", {
      token,
      body: { current_password, new_password },
    });
  await change(401, "wrong", "another password");
  await change(401, "", "another password");
  await change(422, PASSWORD, "short");
  const done = await change(200, PASSWORD, "another password");
  assert.deepEqual(done.data.success, true);
  await login(PASSWORD, 401);
  await login("another password", 200);
});

Deno.test("ensureAdmin() creates the admin once and needs the core pack", async () => {
  await using t = await apiWorld();
  const admin = { login: "boss", password: PASSWORD };
  await assert.rejects(
    () => ensureAdmin(t.sql, admin),
    /core\.admin.*load the core pack/,
  );
  await t.sql`insert into permission_set (ref, grants) values
    ('core.admin', '[{"resource":"workers","actions":["read"]}]')`;
  const made = await Promise.all([
    ensureAdmin(t.sql, admin),
    ensureAdmin(t.sql, admin),
  ]);
  assert.deepEqual(made.toSorted(), [false, true]);
  assert.equal(
    await ensureAdmin(t.sql, { ...admin, password: "other" }),
    false,
  );
  const { data } = await post(t, 200, "/auth/login", admin);
  await t.json(200, "GET", "/api/v1/workers", { token: data.access_token });
});
