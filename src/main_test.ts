import assert from "node:assert/strict";
import type { Command } from "commander";
import { runCli } from "../tests/support/run_cli.ts";
import { makeProgram } from "./main.ts";

function* leaves(
  command: Command,
  path: string[],
): Generator<[string[], Command]> {
  if (command.commands.length === 0) yield [path, command];
  for (const child of command.commands) {
    yield* leaves(child, [...path, child.name()]);
  }
}

Deno.test("every command's help has an example that names it", async () => {
  const program = await makeProgram();
  const all = [...leaves(program, [])];
  assert.ok(all.length >= 24, `${all.length} commands`);
  for (const [path, command] of all) {
    let help = "";
    command.configureOutput({ writeOut: (text) => help += text });
    command.outputHelp();
    assert.match(help, /Examples?:\n/, path.join(" "));
    const named = help.split(/Examples?:\n/)[1]!;
    assert.ok(named.includes(`attune ${path.join(" ")}`), path.join(" "));
  }
});

Deno.test("top-level help names every command, with the summary of its own help", async () => {
  const [bare, full] = await Promise.all([makeProgram([]), makeProgram()]);
  const summaries = (program: Command) =>
    program.commands.map((c) => [c.name(), c.description(), c.aliases()]);
  assert.deepEqual(
    summaries(bare).map(([name, text]) => [name, text]),
    summaries(full).map(([name, text]) => [name, text]),
  );
});

const USAGE: [string[], number, RegExp][] = [
  [[], 0, /Usage: attune/],
  [["--help"], 0, /Exit codes:/],
  [["--version"], 0, /^\d+\.\d+\.\d+\n$/],
  [["help", "run"], 0, /Usage: attune run/],
  [["executions", "--help"], 0, /Usage: attune execution/],
  [["rnu"], 2, /Did you mean run\?/],
  [["run"], 2, /missing required argument 'ref'/],
  [["pack", "lst"], 2, /Did you mean list\?/],
  [["execution", "get", "x"], 2, /must be a number/],
  [["execution", "list", "--stauts", "x"], 2, /Did you mean --status\?/],
  [["worker", "list", "-o", "xml"], 2, /Allowed choices are table, json, yaml/],
];
for (const [args, code, text] of USAGE) {
  Deno.test(`attune ${args.join(" ")} exits with ${code}`, async () => {
    const run = await runCli(args, { env: {} });
    assert.equal(run.code, code, run.stderr);
    assert.match(run.stdout + run.stderr, text);
  });
}

Deno.test("attune config show reports faults with exit code 2 and masks secrets", async () => {
  const secret = "s".repeat(32);
  const good = await runCli(["config", "show", "--json"], {
    env: { ATTUNE__SECURITY__JWT_SECRET: secret },
    cwd: "/",
  });
  assert.equal(good.code, 0);
  const shown = JSON.parse(good.stdout) as { key: string; value: unknown }[];
  assert.equal(
    shown.find((s) => s.key === "security.jwt_secret")?.value,
    "***",
  );
  assert.doesNotMatch(good.stdout, new RegExp(secret));
  const bad = await runCli(["config", "show"], {
    env: { ATTUNE__SERVER__PROT: "1", ATTUNE__LOG__LEVEL: "loud" },
    cwd: "/",
  });
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, /2 faults/);
  assert.match(bad.stderr, /did you mean ATTUNE__SERVER__PORT/);
});
