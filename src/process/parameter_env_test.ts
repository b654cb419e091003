import assert from "node:assert/strict";
import { parameterEnv } from "./parameter_env.ts";

Deno.test("parameterEnv() writes each kind of value", () => {
  assert.deepEqual(
    parameterEnv({
      text: "a 'b'\n",
      "my-key.x": 1.5,
      "ünï": true,
      none: null,
      list: [1, { a: 2 }],
      secret: { deep: "s" },
    }, ["secret", "absent"]),
    {
      env: {
        ATTUNE_ACTION_TEXT: "a 'b'\n",
        ATTUNE_ACTION_MY_KEY_X: "1.5",
        ATTUNE_ACTION__N_: "true",
        ATTUNE_ACTION_NONE: "",
        ATTUNE_ACTION_LIST: '[1,{"a":2}]',
      },
      stdin: '{"secret":{"deep":"s"}}\n',
    },
  );
});

Deno.test("parameterEnv() has an empty stdin when there are no secrets", () => {
  assert.deepEqual(parameterEnv({}, []), { env: {}, stdin: "" });
});

for (
  const [name, parameters] of [
    ["two names that collide", { "a-b": 1, A_B: 2 }],
    ["a NUL", { a: "x\0y" }],
    ["a variable over 128 KiB", { a: "x".repeat(128 * 1024) }],
  ] as const
) {
  Deno.test(`parameterEnv() refuses ${name} and suggests another delivery`, () => {
    assert.throws(() => parameterEnv(parameters, []), {
      name: "InvalidParameters",
      message: /parameter_delivery stdin or file/,
    });
    assert.doesNotThrow(() =>
      parameterEnv(parameters, Object.keys(parameters))
    );
  });
}

Deno.test("parameterEnv() makes the longest variable the kernel takes, and no longer one", async () => {
  const name = "ATTUNE_ACTION_A";
  const longest = "x".repeat(128 * 1024 - name.length - 2);
  const { env } = parameterEnv({ a: longest }, []);
  const { code } = await new Deno.Command("/bin/true", { env, clearEnv: true })
    .output();
  assert.equal(code, 0);
  assert.throws(() => parameterEnv({ a: longest + "x" }, []));
});
