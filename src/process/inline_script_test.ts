// deno-lint-ignore-file no-await-in-loop -- steps run one after another
import assert from "node:assert/strict";
import { inlineScript, shellIdent } from "./inline_script.ts";
import type { JsonObject } from "../domain/json.ts";

async function sh(script: string, shell = "/bin/sh") {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, script);
  const { code, stdout } = await new Deno.Command(shell, {
    args: [file],
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", HOME: "/h" },
  }).output();
  await Deno.remove(file);
  return { code, out: new TextDecoder().decode(stdout) };
}

Deno.test("inlineScript() hands over every kind of value, unexported, in sh and bash", async (t) => {
  const parameters: JsonObject = {
    message: "it's $HOME `x`\nline 2",
    "my-key": { a: [1, 2] },
    "2nd": 1.5,
    none: null,
    yes: true,
    path: "free",
  };
  const script = inlineScript(
    'printf "%s|" "$message" "$PARAM_MESSAGE" "$my_key" "$PARAM_MY_KEY" "$_nd" "$none" "$yes" "$path"; env | grep -c PARAM || true',
    parameters,
    { PATH: "", HOME: "" },
  );
  const text = "it's $HOME `x`\nline 2";
  for (const shell of ["/bin/sh", "/bin/bash"]) {
    await t.step(shell, async () => {
      assert.deepEqual(await sh(script, shell), {
        code: 0,
        out: `${text}|${text}|{"a":[1,2]}|{"a":[1,2]}|1.5||true|free|0\n`,
      });
    });
  }
});

Deno.test("inlineScript() stops at the first command that fails", async () => {
  assert.deepEqual(await sh(inlineScript("false\necho no", {}, {})), {
    code: 1,
    out: "",
  });
});

Deno.test("inlineScript() leaves out the plain form of names that shells or the environment own", async () => {
  const parameters: JsonObject = {
    PATH: "x",
    UID: "7",
    IFS: ",",
    BASH_ENV: "x",
    TOKEN: "secret",
    PPID: 1,
  };
  const environment = { PATH: "/bin", TOKEN: "given" };
  const script = inlineScript(
    'printf "%s" "$PARAM_UID$PARAM_TOKEN$PARAM_PATH"',
    parameters,
    environment,
  );
  assert.doesNotMatch(script, /^(?:PATH|UID|IFS|BASH_ENV|TOKEN|PPID)=/m);
  for (const shell of ["/bin/sh", "/bin/bash"]) {
    assert.deepEqual(await sh(script, shell), { code: 0, out: "7secretx" });
  }
});

Deno.test("inlineScript() refuses names that collide and values with a NUL", () => {
  const refused = { name: "InvalidParameters" };
  assert.throws(() => inlineScript("", { "a-b": 1, a_b: 2 }, {}), refused);
  assert.throws(() => inlineScript("", { a: "\0" }, {}), refused);
});

for (
  const [name, ident] of [["a", "a"], ["a-b.c", "a_b_c"], ["1a", "_a"], [
    "é",
    "_",
  ], ["😀", "_"]] as const
) {
  Deno.test(`shellIdent() makes ${ident} of ${name}`, () => {
    assert.equal(shellIdent(name), ident);
  });
}
