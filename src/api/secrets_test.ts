import assert from "node:assert/strict";
import { isSealed, REDACTED } from "../domain/seal.ts";
import {
  holdsStandIn,
  redact,
  reveal,
  sealParameters,
  sealResult,
} from "./secrets.ts";

const KEY = "a key for the tests";
const SCHEMA = {
  token: { type: "string", secret: true },
  site: { type: "string" },
};

Deno.test("sealParameters() seals what is declared secret and opens with the same key", () => {
  const sealed = sealParameters({ site: "s", token: [1, null] }, SCHEMA, KEY);
  assert.ok(isSealed(sealed.token));
  assert.deepEqual(redact(sealed), { site: "s", token: REDACTED });
  assert.deepEqual(reveal(sealed, KEY), { site: "s", token: [1, null] });
  assert.throws(() => reveal(sealed, "another key"), /ENCRYPTION_KEY/);
  assert.throws(() => reveal(sealed, null), /ENCRYPTION_KEY/);
});

Deno.test("sealParameters() reads JSON Schema too", () => {
  const schema = { type: "object", properties: SCHEMA };
  assert.ok(isSealed(sealParameters({ token: "t" }, schema, KEY).token));
});

Deno.test("sealResult() keeps no secret in clear, with or without a key", () => {
  const result = {
    succeeded: true,
    stdout: '{"token":"t"}',
    data: { token: "t", site: "s" },
  };
  const sealed = sealResult(result, SCHEMA, KEY);
  assert.ok(isSealed(sealed.data.token));
  assert.equal("stdout" in sealed, false);
  const dropped = sealResult(result, SCHEMA, null);
  assert.deepEqual(dropped.data, { token: REDACTED, site: "s" });
  assert.equal(sealResult(result, { site: {} }, KEY), result);
  assert.deepEqual(sealResult(sealed, SCHEMA, KEY), sealed);
});

Deno.test("holdsStandIn() finds one at any depth", () => {
  assert.ok(holdsStandIn([{ a: { b: REDACTED } }]));
  assert.ok(holdsStandIn({ $attune_secret: true, sealed: "x" }));
  assert.ok(!holdsStandIn({ $attune_secret: "true", a: [null, 1] }));
});
