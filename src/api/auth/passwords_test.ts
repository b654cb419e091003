import assert from "node:assert/strict";
import { hashPassword, isPassword } from "./passwords.ts";

Deno.test("hashPassword() makes a salted PHC string of the required cost", async () => {
  const [a, b] = await Promise.all([
    hashPassword("pass"),
    hashPassword("pass"),
  ]);
  assert.match(
    a,
    /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/,
  );
  assert.notEqual(a, b);
});

Deno.test("isPassword() tells the right password from every other", async () => {
  const hash = await hashPassword("TestPass123! \u{1F512}");
  assert.equal(await isPassword("TestPass123! \u{1F512}", hash), true);
  assert.equal(await isPassword("TestPass123!", hash), false);
  assert.equal(await isPassword("", hash), false);
});

Deno.test("isPassword() works as hard when there is no hash", async () => {
  const hash = await hashPassword("pass");
  await isPassword("warm up", null);
  const time = async (known: string | null) => {
    const start = performance.now();
    assert.equal(await isPassword("wrong", known), false);
    return performance.now() - start;
  };
  const fastest = async (known: string | null) =>
    Math.min(await time(known), await time(known), await time(known));
  const [real, decoy] = [await fastest(hash), await fastest(null)];
  assert.ok(decoy > real / 2, `${decoy} ms without a hash, ${real} ms with`);
});

Deno.test("isPassword() takes many at once in their turn, also after one that fails", async () => {
  const hash = await hashPassword("pass");
  const broken = isPassword("pass", "$argon2id$v=19$broken");
  const many = ["pass", "wrong", "pass"].map((one) => isPassword(one, hash));
  await assert.rejects(broken);
  assert.deepEqual(await Promise.all(many), [true, false, true]);
});
