import assert from "node:assert/strict";
import { freePort } from "../support/free_port.ts";
import { type Outer, startOuter } from "../support/outer.ts";
import { until } from "../support/until.ts";

const GRACE_MS = 15_000;

interface World extends AsyncDisposable {
  home: string;
  url: string;
  env: Record<string, string>;
  /** Starts the stack; resolves when it is ready. */
  start(options?: { through?: "task" | "run" }): Promise<Outer>;
  /** Runs one command line to its end. */
  attune(...args: string[]): Promise<{ code: number; text: string }>;
}

/** A directory and a port for stacks; what still runs on them at the end is ended. */
async function world(env: Record<string, string> = {}): Promise<World> {
  const home = await Deno.makeTempDir({ prefix: "attune-start-" });
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const all = {
    ATTUNE_HOME: `${home}/stack`,
    ATTUNE__SERVER__PORT: `${port}`,
    ...env,
  };
  const outers: Outer[] = [];
  return {
    home,
    url,
    env: all,
    async start({ through = "run" } = {}) {
      const outer = startOuter(["start"], { env: all, through });
      outers.push(outer);
      await Promise.race([
        until("the screen", () => outer.output().includes("Ctrl-C stops it"), {
          withinMs: 60_000,
        }),
        outer.status.then(() => {
          throw new Error(`It ended: ${outer.output()}`);
        }),
      ]);
      return outer;
    },
    async attune(...args) {
      await using outer = startOuter(args, { env: all, through: "run" });
      const { code } = await outer.status;
      return { code, text: outer.output() };
    },
    async [Symbol.asyncDispose]() {
      for (const outer of outers) outer.signal("SIGTERM");
      await Promise.all(outers.map((outer) => outer[Symbol.asyncDispose]()));
      await Deno.remove(home, { recursive: true });
    },
  };
}

/** Command lines of living processes that name the home of a stack. */
async function processesOn(home: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`)
      .catch(() => "");
    if (line.includes(home)) found.push(line.replaceAll("\0", " "));
  }
  return found;
}

async function healthOf(url: string): Promise<number> {
  const answer = await fetch(`${url}/health`);
  await answer.body?.cancel();
  return answer.status;
}

Deno.test("a first start shows one screen, its commands work without a login, and data outlive it", async () => {
  await using at = await world();
  const first = await at.start({ through: "task" });
  const screen = first.output();
  for (
    const text of [
      at.url,
      "test@attune.local  TestPass123!",
      at.env.ATTUNE_HOME!,
      "deno task attune run core.echo message=hello",
      "PostgreSQL",
    ]
  ) assert.ok(screen.includes(text), `${text} is not in\n${screen}`);
  assert.equal(await healthOf(at.url), 200);
  assert.deepEqual(await at.attune("run", "core.echo", "message=hello"), {
    code: 0,
    text: "hello",
  });

  first.signal("SIGTERM");
  const { code } = await withinGrace(first);
  assert.equal(code, 0, first.output());
  assert.deepEqual(await processesOn(at.home), []);

  await at.start();
  const listed = await at.attune("execution", "list", "-o", "json");
  const items = JSON.parse(listed.text) as { action_ref: string }[];
  assert.deepEqual(items.map((e) => e.action_ref), ["core.echo"]);
});

Deno.test("a Ctrl-C that reaches every process of the terminal ends all of them in good order", async () => {
  await using at = await world();
  const outer = await at.start({ through: "task" });
  outer.signalGroup("SIGINT");
  const { code } = await withinGrace(outer);
  assert.equal(code, 0, outer.output());
  assert.doesNotMatch(outer.output(), /ERROR|error:/);
  assert.deepEqual(await processesOn(at.home), []);
});

Deno.test("a second start on the same data names the first, which goes on", async () => {
  await using at = await world();
  await at.start();
  const { code, text } = await at.attune("start");
  assert.equal(code, 2);
  assert.match(text, /^error: Cannot use ".*\/stack" as process \d+ \(http/);
  assert.equal(text.trim().split("\n").length, 1);
  assert.equal(await healthOf(at.url), 200);
});

Deno.test("a start on a port that is taken says so and leaves nothing behind", async () => {
  await using at = await world();
  const port = Number(new URL(at.url).port);
  using _taken = Deno.listen({ hostname: "127.0.0.1", port });
  const { code, text } = await at.attune("start");
  assert.equal(code, 2);
  assert.match(text, /^error: Cannot listen on 127\.0\.0\.1:\d+: /);
  assert.match(text, /ATTUNE__SERVER__PORT/);
  assert.deepEqual(await processesOn(at.home), []);
});

Deno.test("after kill -9 the next start recovers, and accepted executions are not lost", async () => {
  await using at = await world();
  const first = await at.start();
  const ids = await Promise.all([1, 2, 3].map(async () => {
    const { text } = await at.attune("run", "core.noop", "--detach");
    return Number(text);
  }));
  first.signal("SIGKILL");
  await first.status;
  await at.start();
  await Promise.all(
    ids.map((id) =>
      until(`execution ${id} to end`, async () => {
        const { text } = await at.attune(
          "execution",
          "get",
          `${id}`,
          "-o",
          "json",
        );
        return ["completed", "abandoned"].includes(JSON.parse(text).status);
      }, { withinMs: 60_000, everyMs: 500 })
    ),
  );
});

Deno.test("a start ends when the deno task that runs it is killed", async () => {
  await using at = await world();
  const outer = await at.start({ through: "task" });
  outer.signal("SIGKILL");
  await outer.status;
  await until(
    "the stack to end",
    async () =>
      (await processesOn(at.home)).length === 0 &&
      !await healthOf(at.url).then(() => true, () => false),
    {
      withinMs: GRACE_MS,
    },
  );
});

async function withinGrace(outer: Outer): Promise<Deno.CommandStatus> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`It did not stop:\n${outer.output()}`)),
      GRACE_MS,
    );
  });
  try {
    return await Promise.race([outer.status, late]);
  } finally {
    clearTimeout(timer);
  }
}
