import assert from "node:assert/strict";
import { loadConfig } from "../config.ts";
import { makeLog } from "../log.ts";
import { agentBusAddress, openBus } from "./wire_bus.ts";

const URLS = "nats://a:4222, tls://b:4222";

async function addressOf(env: Record<string, string>) {
  const lines: string[] = [];
  const log = makeLog({
    level: "warn",
    format: "text",
    write: (line) => lines.push(line),
  });
  const long = Object.entries({ URL: URLS, ...env })
    .map(([key, value]) => [`ATTUNE__MESSAGE_QUEUE__${key}`, value]);
  const { config } = loadConfig({ env: Object.fromEntries(long), cwd: "/" });
  return { address: await agentBusAddress(config, log), warnings: lines };
}

const SERVERS = ["nats://a:4222", "tls://b:4222"];
const CASES: [string, Record<string, string>, object, number][] = [
  ["an open server", {}, { servers: SERVERS }, 0],
  ["a user of their own", {
    USER: "boss",
    PASSWORD: "p1",
    AGENT_USER: "agent",
    AGENT_PASSWORD: "p2",
  }, {
    servers: SERVERS,
    user: "agent",
    password: "p2",
    inbox_prefix: "_INBOX_agent",
  }, 0],
  [
    "the server's access when there is no other",
    { TOKEN: "t" },
    { servers: SERVERS, token: "t" },
    1,
  ],
  [
    "an address of their own",
    { AGENT_URL: "nats://public:4222" },
    { servers: ["nats://public:4222"] },
    0,
  ],
];
for (const [name, env, expected, warnings] of CASES) {
  Deno.test(`agentBusAddress() gives agents ${name}`, async () => {
    const found = await addressOf(env);
    assert.deepEqual(found.address, { kind: "nats", ...expected });
    assert.equal(found.warnings.length, warnings);
  });
}

Deno.test("agentBusAddress() sends the text of the CA, not its path", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, "-----BEGIN");
  const { address } = await addressOf({ TLS_CA: file });
  assert.deepEqual(address, {
    kind: "nats",
    servers: SERVERS,
    tls_ca: "-----BEGIN",
  });
  await Deno.remove(file);
});

for (const url of ["", "embedded"]) {
  Deno.test(`openBus() refuses "${url}" for a role of its own`, async () => {
    const { config } = loadConfig({
      env: { ATTUNE__MESSAGE_QUEUE__URL: url },
      cwd: "/",
    });
    await using stack = new AsyncDisposableStack();
    const log = makeLog({ level: "error", format: "text" });
    await assert.rejects(
      openBus(config, { role: "api", stack, log }),
      /Cannot start the api as it needs a message queue .*ATTUNE__MESSAGE_QUEUE__URL/,
    );
  });
}
