import assert from "node:assert/strict";
import { SignJWT } from "jose";
import { TokenRefused } from "../errors.ts";
import {
  readToken,
  signAccessToken,
  signExecutionToken,
  signWorkerToken,
} from "./tokens.ts";

const SECRET = "a secret that is long enough to be one";

function jwt(
  claims: Record<string, unknown>,
  { secret = SECRET, alg = "HS256" } = {},
) {
  return new SignJWT(claims).setProtectedHeader({ alg })
    .sign(new TextEncoder().encode(secret));
}

const now = () => Math.floor(Date.now() / 1000);

Deno.test("readToken() reads back what the signers write", async () => {
  const access = await readToken(
    SECRET,
    await signAccessToken(SECRET, { id: 7, login: "ann" }, 3600),
  );
  assert.deepEqual({ ...access, exp: 0, iat: 0 }, {
    sub: 7,
    login: "ann",
    token_type: "access",
    scope: null,
    metadata: {},
    exp: 0,
    iat: 0,
  });
  assert.equal(access.exp - access.iat, 3600);
  const worker = await readToken(SECRET, await signWorkerToken(SECRET, 9));
  assert.equal(worker.token_type, "worker");
  assert.equal(worker.scope, "internal_files");
  assert.equal(worker.login, "worker:9");
  assert.deepEqual(worker.metadata, { worker_id: 9 });
  assert.equal(worker.exp - worker.iat, 86_400);
});

Deno.test("signExecutionToken() says what standard stands for, and lives a minute longer than the run", async () => {
  const request = {
    executionId: 5,
    actionRef: "demo.run",
    packRef: "demo",
    permissionSetRefs: ["core.viewer", "standard"],
    identityId: 2,
    ttlS: 300.2,
  };
  const token = await signExecutionToken(SECRET, request);
  const { metadata, scope, login, sub, iat, exp } = await readToken(
    SECRET,
    token,
  );
  assert.deepEqual(metadata, {
    execution_id: 5,
    action_ref: "demo.run",
    permission_set_refs: ["core.viewer", "standard"],
    standard_access_action_refs: ["demo.run"],
    standard_access_pack_refs: ["demo"],
  });
  assert.deepEqual([scope, login, sub, exp - iat], [
    "execution",
    "execution:5",
    2,
    361,
  ]);
  const plain = await readToken(
    SECRET,
    await signExecutionToken(SECRET, {
      ...request,
      permissionSetRefs: ["core.viewer"],
    }),
  );
  assert.deepEqual(plain.metadata.standard_access_pack_refs, []);
});

Deno.test("readToken() takes a token without token_type for an access token", async () => {
  const claims = { sub: "3", login: "ann", iat: now(), exp: now() + 60 };
  assert.equal(
    (await readToken(SECRET, await jwt(claims))).token_type,
    "access",
  );
});

Deno.test("readToken() allows the clocks of two machines a minute", async () => {
  const at = (exp: number) =>
    jwt({ sub: "3", login: "ann", iat: now() - 600, exp: now() + exp });
  await readToken(SECRET, await at(-50));
  await assert.rejects(
    async () => await readToken(SECRET, await at(-70)),
    /expired/,
  );
});

Deno.test("readToken() refuses what is not a whole token of ours", async (test) => {
  const good = { sub: "3", login: "ann", iat: now(), exp: now() + 60 };
  const none = (await jwt(good)).split(".").with(
    0,
    btoa('{"alg":"none"}').replaceAll("=", ""),
  ).with(2, "").join(".");
  const cases: [string, string | Promise<string>][] = [
    ["nonsense", "abc"],
    ["empty", ""],
    ["algorithm none", none],
    ["another secret", jwt(good, { secret: SECRET + "!" })],
    ["another algorithm", jwt(good, { alg: "HS512" })],
    ["no end", jwt({ sub: "3", login: "ann" })],
    ["no subject", jwt({ ...good, sub: undefined })],
    ["a subject that is no id", jwt({ ...good, sub: "ann" })],
    ["subject zero", jwt({ ...good, sub: "0" })],
    ["no login", jwt({ ...good, login: undefined })],
    ["an unknown kind", jwt({ ...good, token_type: "root" })],
    ["not valid yet", jwt({ ...good, nbf: now() + 600 })],
  ];
  for (const [what, token] of cases) {
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await test.step(what, async () => {
      await assert.rejects(
        async () => await readToken(SECRET, await token),
        TokenRefused,
      );
    });
  }
});
