import assert from "node:assert/strict";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { natsMissing, natsTest, testNats } from "../../tests/support/nats.ts";
import { arrive, numbered, Seen, untilDepth } from "./bus_contract.ts";
import { connectNats } from "./nats.ts";
import { type NatsOptions, natsOptionsOf } from "./nats_options.ts";
import { AGENT_INBOX, agentPermissions } from "./nats_permissions.ts";

natsTest(
  "an agent's user can do an agent's work and nothing else",
  async () => {
    await using server = await testNats({
      authorization: () =>
        `authorization { users: [
        { user: control, password: secret }
        { user: agent, password: word, permissions: ${
          JSON.stringify(agentPermissions())
        } }
      ] }`,
    });
    const { servers } = server.address;
    const credentials = { user: "control", password: "secret" };
    await using control = await connectNats({ servers, ...credentials });
    await using agent = await connectNats({
      servers,
      user: "agent",
      password: "word",
      inboxPrefix: AGENT_INBOX,
      awayMs: 1_500,
    });
    await using taker = agent.take<number>("work.key");
    taker.want(2);
    await control.openQueue("work.key");
    await control.openQueue("outcome");
    await control.send("work.key", numbered(3));
    const [first, second] = await arrive(taker, 2);
    first!.ack();
    second!.nak(60_000);
    await untilDepth(control, "work.key", 2);

    await agent.send("outcome", [{ id: "1", body: { done: true } }]);
    await using outcomes = control.take("outcome");
    outcomes.want(1);
    assert.deepEqual((await arrive(outcomes, 1))[0]!.body, { done: true });

    const seen = new Seen();
    using _watching = await agent.watch("agent.7", seen.add);
    control.nudge("agent.7", {});
    await seen.count(1);

    const denied = /Permissions Violation/;
    await assert.rejects(agent.watch("changed", () => {}), denied);
    await assert.rejects(agent.send("work.key", numbered(1)), denied);
    await assert.rejects(agent.openQueue("work.key"), denied);
    await assert.rejects(agent.depth("work.key"), denied);
    // A queue it may not take from gives it nothing, and takes nothing from others.
    await using thief = agent.take("outcome");
    thief.want(1);
    await control.send("outcome", [{ id: "2", body: 2 }]);
    outcomes.want(1);
    assert.equal((await arrive(outcomes, 1))[0]!.body, 2);
    assert.equal(thief.wanted, 1);
  },
);

natsTest(
  "an agent's outcome waits for a wiped stream to be made again",
  async () => {
    await using server = await testNats({
      authorization: () =>
        `authorization { users: [
        { user: control, password: secret }
        { user: agent, password: word, permissions: ${
          JSON.stringify(agentPermissions())
        } }
      ] }`,
    });
    const { servers } = server.address;
    const credentials = { user: "control", password: "secret" };
    await using agent = await connectNats({
      servers,
      user: "agent",
      password: "word",
      inboxPrefix: AGENT_INBOX,
    });
    const sent = agent.send("outcome", numbered(1));
    await using control = await connectNats({ servers, ...credentials });
    await control.openQueue("outcome");
    await sent;
    assert.equal(await control.depth("outcome"), 1);
  },
);

const ways: {
  way: string;
  authorization: (seed: { publicKey: string }) => string;
  right: (server: string, seed: string) => NatsOptions;
}[] = [
  {
    way: "a token",
    authorization: () => `authorization { token: "s3cret" }`,
    right: (server) => ({ servers: [server], token: "s3cret" }),
  },
  {
    way: "a token in the URL",
    authorization: () => `authorization { token: "s3cret" }`,
    right: (server) => ({ servers: [server.replace("//", "//s3cret@")] }),
  },
  {
    way: "a user and password",
    authorization: () => `authorization { user: "u", password: "p:@/w" }`,
    right: (server) => ({ servers: [server], user: "u", password: "p:@/w" }),
  },
  {
    way: "a user and password in the URL",
    authorization: () => `authorization { user: "u", password: "p:@/w" }`,
    right: (server) => ({
      servers: [server.replace("//", "//u:p%3A%40%2Fw@")],
    }),
  },
  {
    way: "an nkey",
    authorization: ({ publicKey }) =>
      `authorization { users: [{ nkey: "${publicKey}" }] }`,
    right: (server, nkeySeed) => ({ servers: [server], nkeySeed }),
  },
];

for (const { way, authorization, right } of ways) {
  natsTest(`connectNats() proves itself by ${way}`, async () => {
    const pair = nkeys.createUser();
    const seed = new TextDecoder().decode(pair.getSeed());
    await using server = await testNats({
      authorization: () => authorization({ publicKey: pair.getPublicKey() }),
    });
    const [url] = server.address.servers;
    await using bus = await connectNats(right(url!, seed));
    await bus.send("q", numbered(1));
    await assert.rejects(
      connectNats({ servers: [url!], user: "u", password: "wrong" }),
      /Cannot connect to NATS at 127\.0\.0\.1:\d+: .*Authorization.*credentials/,
    );
  });
}

Deno.test("connectNats() says where no server answers", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  await assert.rejects(
    connectNats({ servers: [`nats://u:secret@127.0.0.1:${port}`] }),
    (error: Error) =>
      /at 127\.0\.0\.1:\d+: connection refused/.test(error.message) &&
      !error.message.includes("secret"),
  );
});

Deno.test("connectNats() refuses options that cannot be meant", async () => {
  const servers = ["nats://127.0.0.1:1"];
  const cases: [NatsOptions, RegExp][] = [
    [{ servers: [] }, /no server/],
    [{ servers: ["http://u:hidden@host"] }, /"http:\/\/\*\*\*@host".*nats:/],
    [{ servers: ["nats://"] }, /must look like/],
    [{ servers, prefix: "a.b" }, /"a\.b" as the bus prefix/],
    [{ servers, prefix: "" }, /one word/],
    [{ servers, user: "u", token: "t" }, /one of user, token and nkey/],
  ];
  for (const [options, message] of cases) {
    // deno-lint-ignore no-await-in-loop -- one case after the other
    await assert.rejects(connectNats(options), message);
  }
});

const noOpenssl = await openssl("version")
  ? undefined
  : "openssl is not on PATH";
Deno.test({
  name: `connectNats() speaks TLS and knows whom it trusts${
    noOpenssl ?? natsMissing ? ` (${noOpenssl ?? natsMissing})` : ""
  }`,
  ignore: (noOpenssl ?? natsMissing) !== undefined,
  async fn() {
    await using server = await testNats({
      authorization: async (dir) => {
        await makeCertificates(dir);
        return `tls {
          cert_file: "${dir}/server.pem", key_file: "${dir}/server.key"
          ca_file: "${dir}/ca.pem", verify: true
        }`;
      },
    });
    const caFile = join(server.dir, "ca.pem");
    const certFile = join(server.dir, "client.pem");
    const keyFile = join(server.dir, "client.key");
    const servers = server.address.servers.map((s) => s.replace("nats", "tls"));
    const tls = { caFile, certFile, keyFile };
    await using bus = await connectNats({ servers, tls });
    await bus.send("q", numbered(1));
    await server.kill();
    await server.restart();
    assert.equal(await bus.depth("q"), 1);
    const ca = await Deno.readTextFile(caFile);
    await using other = await connectNats({
      servers,
      tls: { ca, certFile, keyFile },
    });
    assert.equal(await other.depth("q"), 1);
    // An unknown authority, no certificate of our own, and a file that is not there.
    await assert.rejects(connectNats({ servers, tls: { certFile, keyFile } }));
    await assert.rejects(
      connectNats({ servers, tls: { caFile }, awayMs: 1_000 }),
    );
    await assert.rejects(
      connectNats({ servers, tls: { ...tls, caFile: "/nowhere/ca.pem" } }),
      /nowhere/,
    );
  },
});

natsTest(
  "connectNats() with tls:// does not talk to a server without TLS",
  async () => {
    await using server = await testNats();
    const { servers, ...rest } = natsOptionsOf(server.address);
    const secured = servers.map((s) => s.replace("nats:", "tls:"));
    await assert.rejects(connectNats({ ...rest, servers: secured }), /tls/);
  },
);

async function makeCertificates(dir: string): Promise<void> {
  const at = (name: string) => join(dir, name);
  const subject = (name: string) => ["-nodes", "-subj", `/CN=${name}`];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const made = [
    ["req", "-x509", ...key, ...subject("ca"), "-days", "1"]
      .concat("-keyout", at("ca.key"), "-out", at("ca.pem")),
    ...["server", "client"].map((name) =>
      ["req", "-x509", ...key, ...subject(name), "-days", "1"]
        .concat("-CA", at("ca.pem"), "-CAkey", at("ca.key"))
        .concat("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        .concat("-addext", "basicConstraints=critical,CA:FALSE")
        .concat("-keyout", at(`${name}.key`), "-out", at(`${name}.pem`))
    ),
  ];
  for (const args of made) {
    // deno-lint-ignore no-await-in-loop -- the first signs the others
    assert.ok(await openssl(...args), `openssl ${args.join(" ")} failed`);
  }
}

async function openssl(...args: string[]): Promise<boolean> {
  try {
    const command = new Deno.Command("openssl", {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    return (await command.output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
