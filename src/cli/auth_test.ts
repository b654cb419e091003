import assert from "node:assert/strict";
import { join } from "node:path";
import { type Answer, fakeApi } from "../../tests/support/fake_api.ts";
import { runCli } from "../../tests/support/run_cli.ts";

function tokens(access: string, expires_in = 3600): Answer {
  return () =>
    Response.json({
      data: { access_token: access, refresh_token: "r1", expires_in },
    });
}
const me: Answer = (request) => {
  const bearer = request.headers.get("authorization");
  return bearer === "Bearer good"
    ? Response.json({ data: { login: "ada" } })
    : Response.json({ error: { code: 401, message: "Token expired" } }, {
      status: 401,
    });
};

async function place() {
  const dir = await Deno.makeTempDir({ prefix: "attune-cli-" });
  return {
    dir,
    env: { HOME: dir, XDG_CONFIG_HOME: join(dir, "config") },
    credentials: join(dir, "config", "attune", "credentials.json"),
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

Deno.test("attune auth login keeps tokens for the owner alone, logout forgets them", async () => {
  await using at = await place();
  await using api = fakeApi({
    "POST /auth/login": tokens("good"),
    "GET /auth/me": me,
    "GET /health/live": () => new Response(),
  });
  const login = await runCli(
    ["auth", "login", "--url", api.url, "--login", "ada", "--password-stdin"],
    { env: at.env, stdin: "pass word\n" },
  );
  assert.deepEqual(login, {
    code: 0,
    stdout: "",
    stderr: `Logged in to ${api.url} as ada\n`,
  });
  assert.deepEqual(api.bodies.get("POST /auth/login"), {
    login: "ada",
    password: "pass word",
  });
  const { mode } = await Deno.stat(at.credentials);
  assert.equal(mode! & 0o777, 0o600);
  assert.doesNotMatch(await Deno.readTextFile(at.credentials), /pass word/);

  const who = await runCli(["auth", "whoami", "-o", "json"], {
    env: at.env,
    cwd: at.dir,
  });
  assert.deepEqual(JSON.parse(who.stdout), { login: "ada" });
  assert.equal((await runCli(["auth", "logout"], { env: at.env })).code, 0);
  const after = await runCli(["auth", "whoami", "--url", api.url], {
    env: at.env,
    cwd: at.dir,
  });
  assert.equal(after.code, 4);
  assert.match(after.stderr, /Not logged in to .*attune auth login --url/);
});

for (const [access, expires_at] of [["old", 0], ["revoked", 4e9]] as const) {
  Deno.test(`an ${access} access token is renewed by the refresh token`, async () => {
    await using at = await place();
    await using api = fakeApi({
      "POST /auth/refresh": tokens("good"),
      "GET /auth/me": me,
    });
    const session = {
      url: api.url,
      login: "ada",
      access_token: access,
      refresh_token: "r0",
      expires_at,
    };
    Deno.mkdirSync(join(at.dir, "config", "attune"), { recursive: true });
    Deno.writeTextFileSync(
      at.credentials,
      JSON.stringify({ current: api.url, servers: { [api.url]: session } }),
    );
    const { code } = await runCli(["auth", "whoami"], {
      env: at.env,
      cwd: at.dir,
    });
    assert.equal(code, 0);
    assert.deepEqual(api.bodies.get("POST /auth/refresh"), {
      refresh_token: "r0",
    });
    const stored = JSON.parse(Deno.readTextFileSync(at.credentials));
    assert.equal(stored.servers[api.url].access_token, "good");
    assert.equal(stored.servers[api.url].refresh_token, "r1");
  });
}

Deno.test("the development stack of this directory is used without a login", async () => {
  await using at = await place();
  await using api = fakeApi({
    "POST /auth/login": tokens("good"),
    "GET /auth/me": me,
  });
  Deno.mkdirSync(join(at.dir, ".attune"));
  const file = join(at.dir, ".attune", "cli.json");
  Deno.writeTextFileSync(
    file,
    JSON.stringify({ url: api.url, login: "dev", password: "secret" }),
  );
  const run = () => runCli(["auth", "whoami"], { env: at.env, cwd: at.dir });
  assert.equal((await run()).code, 0);
  assert.equal((await run()).code, 0);
  const logins = api.requests.filter((r) => r === "POST /auth/login");
  assert.equal(logins.length, 1);
  assert.equal(JSON.parse(Deno.readTextFileSync(file)).access_token, "good");
});

Deno.test("ATTUNE_API_TOKEN wins over what is stored, and is never renewed", async () => {
  await using at = await place();
  await using api = fakeApi({ "GET /auth/me": me });
  const env = { ...at.env, ATTUNE_API_URL: api.url, ATTUNE_API_TOKEN: "bad" };
  const { code, stderr } = await runCli(["auth", "whoami"], { env });
  assert.equal(code, 4);
  assert.match(stderr, /^error: Token expired\nLog in with: attune auth login/);
  assert.deepEqual(api.requests, ["GET /auth/me"]);
});
