import assert from "node:assert/strict";
import { spawnCli } from "../support/run_cli.ts";
import { type Stack, startEmbedded } from "../support/stack.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const FAULTS = `${ROOT}tests/fixtures/packs/faults`;

let stack: Stack;
Deno.test.beforeAll(async () => {
  stack = await startEmbedded();
  const { code, stderr } = await attune("pack", "register", FAULTS);
  assert.equal(code, 0, stderr);
});
Deno.test.afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

/** As in a terminal beside the running stack: no login, no address. */
const env = () => ({ ATTUNE_HOME: `${stack.home}/attune` });

async function attune(...args: string[]) {
  const child = spawnCli(args, { env: env() });
  await child.stdin.close();
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** What a running command has printed, piece by piece. */
function pieces(stream: ReadableStream<Uint8Array>) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    text: () => text,
    /** Reads on until `wanted` is there; false when the stream ends before. */
    async until(wanted: string): Promise<boolean> {
      while (!text.includes(wanted)) {
        // deno-lint-ignore no-await-in-loop -- a stream is read in order
        const { value, done } = await reader.read();
        if (done) return false;
        text += value;
      }
      return true;
    },
    async rest(): Promise<string> {
      await this.until("\0 never printed");
      return text;
    },
  };
}

Deno.test("the first action of the README works as it is written there", async () => {
  const readme = await Deno.readTextFile(`${ROOT}README.md`);
  const script = /```sh\n(mkdir -p hello[^]*?)```/.exec(readme)![1]!;
  const dir = await Deno.makeTempDir({ prefix: "attune-readme-" });
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    // The README's `deno task attune` runs in the repository.
    args: [
      "-euc",
      `deno() { shift 2; "$DENO" run -A "$ROOT/src/main.ts" "$@"; }\n${script}`,
    ],
    cwd: dir,
    env: { ...env(), DENO: Deno.execPath(), ROOT, INIT_CWD: dir },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const out = new TextDecoder().decode(stdout);
  assert.equal(out, 'pack hello 1.0.0 loaded\n{"greeting": "Hello, Ada"}\n');
  assert.ok(script.trim().split("\n").length <= 12, "it is short");
  await Deno.remove(dir, { recursive: true });
});

Deno.test("attune run shows output while the action runs, each stream in its place", async () => {
  const child = spawnCli(["run", "faults.ticks"], { env: env() });
  await child.stdin.close();
  const stdout = pieces(child.stdout);
  const stderr = pieces(child.stderr);
  assert.ok(await stdout.until("tick 1"));
  const { items } = await stack.client.call<{ items: { status: string }[] }>(
    "GET",
    "/api/v1/executions?action_ref=faults.ticks",
  );
  assert.equal(items[0]!.status, "running");
  assert.equal(await stdout.rest(), "tick 1\ntick 2\ntick 3\ntick 4\ntick 5\n");
  assert.equal(await stderr.rest(), "done\n");
  assert.equal((await child.status).code, 0);
});

Deno.test("attune run keeps every character of the output", async () => {
  const message = `  "quoted" 'single' \\ back\n\n\ttab ünïcödé 漢字 🎉\n `;
  const { code, stdout } = await attune(
    "run",
    "core.echo",
    `message=${message}`,
  );
  assert.deepEqual({ code, stdout }, { code: 0, stdout: message });
});

Deno.test("attune run follows every attempt and exits with the last one's success", async () => {
  const { code, stdout } = await attune("run", "faults.flaky");
  assert.deepEqual({ code, stdout }, {
    code: 0,
    stdout: "attempt 1\nattempt 2\nattempt 3\n",
  });
});

Deno.test("Ctrl-C at attune run cancels the execution and shows its end", async () => {
  const child = spawnCli(["run", "faults.sleeps", "seconds=60"], {
    env: env(),
  });
  await child.stdin.close();
  const stdout = pieces(child.stdout);
  const stderr = pieces(child.stderr);
  assert.ok(await stdout.until("begin\n"));
  child.kill("SIGINT");
  assert.match(await stderr.rest(), /execution \d+ cancelled: .*cancelled/);
  assert.equal(await stdout.rest(), "begin\n");
  assert.equal((await child.status).code, 1);
});

Deno.test("attune execution logs -f shows the same as attune run, and get and list know the execution", async () => {
  const started = await attune("run", "faults.ticks", "--detach");
  const id = started.stdout.trim();
  const logs = await attune("execution", "logs", "-f", id);
  assert.deepEqual(logs, {
    code: 0,
    stdout: "tick 1\ntick 2\ntick 3\ntick 4\ntick 5\n",
    stderr: "done\n",
  });
  const only = await attune("execution", "logs", "--stderr", id);
  assert.deepEqual([only.stdout, only.stderr], ["", "done\n"]);
  const got = await attune("execution", "get", id, "-o", "yaml");
  assert.match(got.stdout, /^status: completed$/m);
  const list = await attune("execution", "list", "--action", "faults.ticks");
  assert.match(list.stdout, new RegExp(`^${id} +faults.ticks +completed`, "m"));
});

Deno.test("attune pack upload sends a directory and shows warnings with file and line", async () => {
  const dir = await Deno.makeTempDir({ prefix: "attune-upload-" });
  await Deno.mkdir(`${dir}/actions`);
  await Deno.writeTextFile(`${dir}/pack.yaml`, "ref: sent\nversion: 1.0.0\n");
  await Deno.writeTextFile(
    `${dir}/actions/hi.yaml`,
    "ref: hi\nrunner_type: shell\nentry_point: hi.sh\ntimout: 3\n",
  );
  await Deno.writeTextFile(`${dir}/actions/hi.sh`, "echo hi\n");
  const first = await attune("pack", "upload", dir);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout, "pack sent 1.0.0 loaded\n");
  assert.match(
    first.stderr,
    /sent\/actions\/hi\.yaml:4: unknown key 'timout' \(did you mean 'timeout'\?\)/,
  );
  assert.equal((await attune("run", "sent.hi")).stdout, "hi\n");

  const again = await attune("pack", "upload", dir);
  assert.equal(again.code, 4);
  assert.match(again.stderr, /--force/);
  await Deno.writeTextFile(`${dir}/actions/hi.yaml`, "ref: [\n");
  const bad = await attune("pack", "upload", dir, "--force");
  assert.equal(bad.code, 4);
  assert.match(bad.stderr, /sent\/actions\/hi\.yaml:\d+: /);
  assert.equal((await attune("run", "sent.hi")).stdout, "hi\n");
  await Deno.remove(dir, { recursive: true });
});

Deno.test("attune worker cordon keeps work away until uncordon", async () => {
  const listed = await attune("worker", "list", "-o", "json");
  const [{ id }] = JSON.parse(listed.stdout);
  assert.equal((await attune("worker", "cordon", `${id}`)).code, 0);
  const { stdout } = await attune("run", "core.noop", "--detach");
  const waiting = await attune("execution", "get", stdout.trim());
  assert.match(waiting.stdout, /^status: +requested$/m);
  assert.equal((await attune("worker", "uncordon", `${id}`)).code, 0);
  const done = await attune("execution", "logs", "-f", stdout.trim());
  assert.match(done.stdout, /No operation completed successfully/);
});
