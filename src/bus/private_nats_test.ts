import assert from "node:assert/strict";
import { join } from "node:path";
import { natsTest } from "../../tests/support/nats.ts";
import { arrive, bodies, numbered, Seen, turn } from "./bus_contract.ts";
import { connectNats } from "./nats.ts";
import { natsOptionsOf } from "./nats_options.ts";
import { pidPathOf } from "./nats_server.ts";
import { startPrivateNats } from "./private_nats.ts";

natsTest(
  "startPrivateNats() keeps messages from one start to the next",
  async () => {
    await using home = await tempDir();
    const dataDir = join(home.path, "not yet there");
    {
      await using nats = await startPrivateNats({ dataDir });
      await using bus = await connectNats(natsOptionsOf(nats.address));
      await bus.openQueue("work.k");
      await bus.send("work.k", numbered(2));
    }
    assert.equal(await commandOf(await pidIn(dataDir)), undefined);
    await using nats = await startPrivateNats({ dataDir });
    await using bus = await connectNats(natsOptionsOf(nats.address));
    await using agent = await connectNats(natsOptionsOf(nats.agentAddress));
    await using taker = agent.take<number>("work.k");
    taker.want(2);
    assert.deepEqual(bodies(await arrive(taker, 2)), [0, 1]);
    await assert.rejects(agent.openQueue("work.l"), /Permissions Violation/);
    assert.equal(await bus.depth("work.k"), 2);
  },
);

natsTest("startPrivateNats() is closed to strangers", async () => {
  await using home = await tempDir();
  await using nats = await startPrivateNats({ dataDir: home.path });
  const { servers } = nats.address;
  await assert.rejects(connectNats({ servers }), /Authorization/);
  const password = nats.address.password!;
  const pid = await pidIn(home.path);
  assert.ok(!(await commandOf(pid))!.includes(password));
  const config = join(home.path, "nats.conf");
  assert.equal((await Deno.stat(config)).mode! & 0o777, 0o600);
  assert.match(servers[0]!, /^nats:\/\/127\.0\.0\.1:\d+$/);
});

natsTest(
  "startPrivateNats() starts a server that died again, at its address",
  async () => {
    await using home = await tempDir();
    await using nats = await startPrivateNats({ dataDir: home.path });
    await using bus = await connectNats(natsOptionsOf(nats.address));
    await bus.send("q", numbered(1));
    const back = new Seen();
    using _back = bus.onReconnect(() => back.add(1));
    const pid = await pidIn(home.path);
    Deno.kill(pid, "SIGKILL");
    await back.count(1);
    assert.equal(await bus.depth("q"), 1);
    assert.notEqual(await pidIn(home.path), pid);
  },
);

natsTest(
  "startPrivateNats() ends what a killed parent left, and nothing else",
  async () => {
    await using home = await tempDir();
    const dataDir = home.path;
    const parent = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `const { startPrivateNats } = await import(${
          JSON.stringify(new URL("./private_nats.ts", import.meta.url).href)
        });
      await startPrivateNats({ dataDir: ${JSON.stringify(dataDir)} });
      console.log("started");
      await new Promise(() => {});`,
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = parent.stdout.getReader();
    await reader.read();
    await assert.rejects(
      startPrivateNats({ dataDir }),
      /another process uses it/,
    );
    parent.kill("SIGKILL");
    await parent.status;
    await reader.cancel();
    const left = await pidIn(dataDir);
    assert.match((await commandOf(left))!, /nats-server/);
    {
      await using nats = await startPrivateNats({ dataDir });
      assert.equal(await commandOf(left), undefined);
      await using bus = await connectNats(natsOptionsOf(nats.address));
      await bus.send("q", numbered(1));
    }
    // The number in the file may belong to somebody else by now.
    const other = new Deno.Command("sleep", { args: ["1000"] }).spawn();
    await Deno.writeTextFile(pidPathOf(dataDir), String(other.pid));
    {
      await using _nats = await startPrivateNats({ dataDir });
      assert.match((await commandOf(other.pid))!, /sleep 1000/);
    }
    other.kill("SIGKILL");
    await other.status;
    await Deno.writeTextFile(pidPathOf(dataDir), "no number");
    await using _nats = await startPrivateNats({ dataDir });
  },
);

natsTest(
  "startPrivateNats() is disposed of twice, and while its server restarts",
  async () => {
    await using home = await tempDir();
    const nats = await startPrivateNats({ dataDir: home.path });
    Deno.kill(await pidIn(home.path), "SIGKILL");
    await nats[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
    assert.equal(await commandOf(await pidIn(home.path)), undefined);
  },
);

natsTest("startPrivateNats() says why a server does not start", async () => {
  await using home = await tempDir();
  await Deno.writeTextFile(join(home.path, "jetstream"), "not a directory");
  await assert.rejects(
    startPrivateNats({ dataDir: home.path }),
    /Cannot start .*nats-server: it does not listen\..*nats\.log.*JetStream: storage directory/s,
  );
  await assert.rejects(
    startPrivateNats({ dataDir: home.path, binary: "/nowhere/nats-server" }),
    /Cannot start \/nowhere\/nats-server/,
  );
});

async function tempDir(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir({ prefix: "attune_private_" });
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

async function pidIn(dataDir: string): Promise<number> {
  const due = performance.now() + 10_000;
  while (performance.now() < due) {
    // deno-lint-ignore no-await-in-loop -- the server writes it when it likes
    const pid = Number(await Deno.readTextFile(pidPathOf(dataDir)));
    if (pid > 0) return pid;
    // deno-lint-ignore no-await-in-loop -- the server writes it when it likes
    await turn();
  }
  throw new Error("the server has not written its process id");
}

/** Arguments of a process, undefined when there is none. */
async function commandOf(pid: number): Promise<string | undefined> {
  try {
    const text = await Deno.readTextFile(`/proc/${pid}/cmdline`);
    return text === "" ? undefined : text.replaceAll("\0", " ");
  } catch {
    return undefined;
  }
}
