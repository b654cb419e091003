import assert from "node:assert/strict";
import fc from "fast-check";
import { join } from "node:path";

const ACTIONS = new URL("../../packs/core/actions/", import.meta.url).pathname;

/** Every POSIX shell of this machine. */
const SHELLS = ["sh", "dash", "bash", "busybox"].filter(isHere);

function isHere(name: string): boolean {
  const dirs = (Deno.env.get("PATH") ?? "").split(":");
  return dirs.some((dir) => {
    try {
      return Deno.statSync(join(dir, name)).isFile;
    } catch {
      return false;
    }
  });
}

interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

async function run(
  shell: string,
  action: string,
  input: string,
): Promise<Run> {
  const script = join(ACTIONS, `${action}.sh`);
  const child = new Deno.Command(shell, {
    args: shell === "busybox" ? ["sh", script] : [script],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await output;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** As the process contract writes it. */
function dotenv(values: Record<string, string>): string {
  return Object.entries(values).map(([key, value]) =>
    `${key}='${value.replaceAll("'", "'\\''")}'\n`
  ).join("");
}

const MESSAGES = [
  "plain",
  "",
  " leading and trailing ",
  "it's",
  "'",
  "''''",
  "'\\''",
  "\\",
  "\\n \\t \\\\",
  "a\nb",
  "\n",
  "\n\n'\n\n",
  "tail\n",
  "x='y'\nmessage='other'",
  "$HOME `id` $(id) ${x:-y} %s %d \\033",
  "ünïcödé 🚀",
  "\ttab\rreturn",
  "*",
  "-n",
  "#!/bin/sh",
];

for (const shell of SHELLS) {
  Deno.test(`core.echo writes its message exactly, under ${shell}`, async () => {
    for (const message of MESSAGES) {
      // deno-lint-ignore no-await-in-loop -- one process at a time is kinder to small machines
      const echoed = await run(
        shell,
        "echo",
        dotenv({ a: "1", message, z: "'" }),
      );
      assert.deepEqual(echoed, { code: 0, stdout: message, stderr: "" });
    }
  });

  Deno.test(`core.echo writes nothing without a message, under ${shell}`, async () => {
    for (const input of ["", dotenv({ other: "x" })]) {
      // deno-lint-ignore no-await-in-loop -- one process at a time is kinder to small machines
      const echoed = await run(shell, "echo", input);
      assert.deepEqual(echoed, { code: 0, stdout: "", stderr: "" });
    }
  });

  Deno.test(`core.sleep waits and says so, under ${shell}`, async () => {
    const input = dotenv({ message: "it's\ntime", seconds: "0" });
    assert.deepEqual(await run(shell, "sleep", input), {
      code: 0,
      stdout: "it's\ntime\nSlept for 0 seconds\n",
      stderr: "",
    });
    const start = performance.now();
    const one = await run(shell, "sleep", dotenv({ seconds: "1" }));
    assert.equal(one.stdout, "Slept for 1 seconds\n");
    assert.ok(performance.now() - start >= 1000);
  });

  Deno.test(`core.sleep refuses what is no number of seconds, under ${shell}`, async () => {
    const bad = ["-1", "3601", "1.5", "x", "", "1 ", "99999999999999999999"];
    for (const seconds of bad) {
      // deno-lint-ignore no-await-in-loop -- one process at a time is kinder to small machines
      const slept = await run(shell, "sleep", dotenv({ seconds }));
      assert.deepEqual(slept, {
        code: 1,
        stdout: "",
        stderr:
          `seconds must be a whole number from 0 to 3600, not "${seconds}"\n`,
      });
    }
  });

  Deno.test(`core.noop exits as it is told, under ${shell}`, async () => {
    const cases: [Record<string, string>, Run][] = [
      [{}, {
        code: 0,
        stdout: "No operation completed successfully\n",
        stderr: "",
      }],
      [{ exit_code: "0", message: "hi 'you'" }, {
        code: 0,
        stdout: "[NOOP] hi 'you'\nNo operation completed successfully\n",
        stderr: "",
      }],
      [{ exit_code: "255" }, {
        code: 255,
        stdout: "No operation completed successfully\n",
        stderr: "",
      }],
      [{ exit_code: "007" }, {
        code: 7,
        stdout: "No operation completed successfully\n",
        stderr: "",
      }],
      [{ exit_code: "256" }, {
        code: 1,
        stdout: "",
        stderr: 'exit_code must be a whole number from 0 to 255, not "256"\n',
      }],
    ];
    for (const [values, expected] of cases) {
      // deno-lint-ignore no-await-in-loop -- one process at a time is kinder to small machines
      assert.deepEqual(await run(shell, "noop", dotenv(values)), expected);
    }
  });
}

Deno.test("the dotenv reader of the core actions restores any text", async () => {
  const texts = fc.array(
    fc.string({
      unit: fc.constantFrom("'", "\\", "\n", "=", "a", " ", "$", "é"),
    }),
    { minLength: 1, maxLength: 3 },
  );
  const shells = SHELLS.filter((shell) => shell !== "sh");
  await fc.assert(
    fc.asyncProperty(texts, async (values) => {
      const input = Object.fromEntries(
        values.map((value, index) => [`a${index}`, value]),
      );
      const echoed = await Promise.all(
        shells.map((shell) =>
          run(shell, "echo", dotenv({ ...input, message: values.at(-1)! }))
        ),
      );
      for (const { stdout, code } of echoed) {
        assert.deepEqual([stdout, code], [values.at(-1)!, 0]);
      }
    }),
    { numRuns: 40 },
  );
});
