import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError, loadConfig } from "./config.ts";
import { configReference, shownValues } from "./config/show.ts";

const SECRET = "0123456789abcdef0123456789abcdef";

async function place(files: Record<string, string> = {}) {
  const cwd = await Deno.makeTempDir({ prefix: "attune-config-" });
  for (const [name, text] of Object.entries(files)) {
    Deno.writeTextFileSync(join(cwd, name), text);
  }
  return {
    cwd,
    [Symbol.asyncDispose]: () => Deno.remove(cwd, { recursive: true }),
  };
}

function faultsOf(env: Record<string, string>, cwd: string): string[] {
  try {
    loadConfig({ env, cwd });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults.map(({ where, message }) => `${where}: ${message}`);
  }
  return [];
}

Deno.test("loadConfig() takes environment, then file, then preset, then default", async () => {
  await using at = await place({
    "config.yaml":
      "server:\n  host: 0.0.0.0\n  port: 9000\nlog: {level: debug}\n",
  });
  const { config, sources } = loadConfig({
    env: { ATTUNE__SERVER__PORT: "9001", ATTUNE__SERVER__HOST: "" },
    cwd: at.cwd,
    preset: ({ home, has }) => ({
      artifacts_dir: `${home}/artifacts`,
      "server.host": has("server.host") ? "never" : "never either",
    }),
  });
  assert.equal(config.server.port, 9001);
  assert.equal(config.server.host, "0.0.0.0");
  assert.equal(config.log.level, "debug");
  assert.equal(config.artifacts_dir, join(at.cwd, ".attune", "artifacts"));
  assert.equal(config.database.pool_size, 10);
  assert.deepEqual(
    [
      "server.port",
      "server.host",
      "log.level",
      "artifacts_dir",
      "database.pool_size",
    ].map((path) => sources.get(path)),
    [
      "ATTUNE__SERVER__PORT",
      "config.yaml:2",
      "config.yaml:4",
      "preset",
      "default",
    ],
  );
});

Deno.test("loadConfig() freezes the result at any depth", async () => {
  await using at = await place();
  const { config } = loadConfig({ env: {}, cwd: at.cwd });
  assert.throws(
    () => (config.server as { port: number }).port = 1,
    TypeError,
  );
  assert.throws(
    () => (config.worker.labels as Record<string, string>).a = "b",
    TypeError,
  );
});

const KINDS: [string, string, (c: Cfg) => unknown, unknown][] = [
  ["ATTUNE__SERVER__PORT", "0", (c) => c.server.port, 0],
  [
    "ATTUNE__SCHEDULER__QUEUE_TIMEOUT",
    "1.5",
    (c) => c.scheduler.queue_timeout,
    1.5,
  ],
  [
    "ATTUNE__SECURITY__ALLOW_SELF_REGISTRATION",
    "true",
    (c) => c.security.allow_self_registration,
    true,
  ],
  [
    "ATTUNE__SERVER__CORS_ORIGINS",
    "http://a, http://b",
    (c) => c.server.cors_origins,
    ["http://a", "http://b"],
  ],
  [
    "ATTUNE__SERVER__CORS_ORIGINS",
    '["http://a,b"]',
    (c) => c.server.cors_origins,
    ["http://a,b"],
  ],
  ["ATTUNE__WORKER__LABELS", "zone=eu, gpu=a=b", (c) => c.worker.labels, {
    zone: "eu",
    gpu: "a=b",
  }],
  ["ATTUNE__WORKER__LABELS", '{"zone":"eu"}', (c) => c.worker.labels, {
    zone: "eu",
  }],
  [
    "ATTUNE__WORKER__TAINTS",
    "gpu=yes:no_schedule,spot",
    (c) => c.worker.taints,
    [
      { key: "gpu", value: "yes", effect: "no_schedule" },
      { key: "spot", effect: "no_schedule" },
    ],
  ],
  [
    "ATTUNE__WORKER__MAX_STDOUT_BYTES",
    "2MiB",
    (c) => c.worker.max_stdout_bytes,
    2_097_152,
  ],
  [
    "ATTUNE__WORKER__MAX_STDERR_BYTES",
    "4096",
    (c) => c.worker.max_stderr_bytes,
    4096,
  ],
  [
    "ATTUNE__WORKER__RESOURCE_CAPS",
    "memory_mb=512",
    (c) => c.worker.resource_caps,
    { memory_mb: 512 },
  ],
  [
    "ATTUNE_WORKER_RUNTIMES",
    "python, shell",
    (c) => c.worker.capabilities.runtimes,
    ["python", "shell"],
  ],
  [
    "ATTUNE__MESSAGE_QUEUE__URL",
    "nats://a:1,nats://b:2",
    (c) => c.message_queue.url,
    "nats://a:1,nats://b:2",
  ],
  [
    "ATTUNE_API_URL",
    "https://attune.example",
    (c) => c.worker.api_url,
    "https://attune.example",
  ],
];
for (const [name, text, read, expected] of KINDS) {
  Deno.test(`loadConfig() understands ${name}=${text}`, async () => {
    await using at = await place();
    const { config } = loadConfig({ env: { [name]: text }, cwd: at.cwd });
    assert.deepEqual(read(config), expected);
  });
}
type Cfg = ReturnType<typeof loadConfig>["config"];

const FAULTS: [string, Record<string, string>, string, string[]][] = [
  ["number", { ATTUNE__SERVER__PORT: "80a" }, "", [
    'ATTUNE__SERVER__PORT: server.port must be an integer from 0 to 65535: current value is "80a"',
  ]],
  ["range", {}, "server:\n  port: 70000\n", [
    "config.yaml:2: server.port must be an integer from 0 to 65535: current value is 70000",
  ]],
  ["text where a number belongs", {}, 'server:\n  port: "80"\n', [
    'config.yaml:2: server.port must be an integer from 0 to 65535: current value is "80"',
  ]],
  ["unknown key", {}, "server:\n  prot: 80\n", [
    'config.yaml:2: unknown key "server.prot"; did you mean "server.port"?',
  ]],
  ["unknown section", {}, "x-mine: 1\nsever: {port: 80}\n", [
    'config.yaml:2: unknown key "sever"; did you mean "server"?',
  ]],
  ["key of another section", {}, "log:\n  pool_size: 3\n", [
    'config.yaml:2: unknown key "log.pool_size"; did you mean "database.pool_size"?',
  ]],
  ["section that is no mapping", {}, "server: 80\n", [
    'config.yaml:1: section "server" must be a mapping',
  ]],
  ["file that is no mapping", {}, "- a\n", [
    "config.yaml:1: the file must be a mapping of sections and keys",
  ]],
  ["unknown variable", { ATTUNE__SERVER__PROT: "80" }, "", [
    "ATTUNE__SERVER__PROT: unknown variable; did you mean ATTUNE__SERVER__PORT?",
  ]],
  [
    "secret too short, not shown",
    {
      ATTUNE__SECURITY__JWT_SECRET: "hunter2",
    },
    "",
    [
      "ATTUNE__SECURITY__JWT_SECRET: security.jwt_secret must be a text of at least 32 characters: current value is hidden",
    ],
  ],
  [
    "inside a list",
    {
      ATTUNE__WORKER__TAINTS: '[{"key":"a","effect":"evict"}]',
    },
    "",
    [
      'ATTUNE__WORKER__TAINTS: worker.taints must be a list of {key, value?, effect: no_schedule | prefer_no_schedule} (as text: key=value:effect,... or JSON) (at 0.effect): current value is [{"key":"a","effect":"evict"}]',
    ],
  ],
  ["a file that is not there", { ATTUNE_CONFIG: "no.yaml" }, "", [
    'ATTUNE_CONFIG: cannot read "no.yaml": ',
  ]],
  ["two that do not fit", { ATTUNE__WORKER__MAX_TIMEOUT: "10" }, "", [
    "ATTUNE__WORKER__MAX_TIMEOUT: worker.max_timeout must be at least worker.default_timeout (300): current value is 10",
  ]],
  ["half a TLS pair", { ATTUNE__MESSAGE_QUEUE__TLS_CERT: "a.pem" }, "", [
    "ATTUNE__MESSAGE_QUEUE__TLS_CERT: message_queue.tls_cert needs message_queue.tls_key too",
  ]],
  [
    "a database that is not PostgreSQL",
    {
      ATTUNE__DATABASE__URL: "mysql://root:hunter2@h/db",
    },
    "",
    [
      "ATTUNE__DATABASE__URL: database.url must be postgres://... or postgresql://...: current value is hidden",
    ],
  ],
  [
    "several at once",
    { ATTUNE__LOG__LEVEL: "loud" },
    "log: {format: xml}\n",
    [
      "config.yaml:1: log.format must be one of json, text: ",
      "ATTUNE__LOG__LEVEL: log.level must be one of debug, info, warn, error: ",
    ],
  ],
];
for (const [name, env, file, expected] of FAULTS) {
  Deno.test(`loadConfig() names the fault: ${name}`, async () => {
    await using at = await place({ "config.yaml": file });
    const found = faultsOf(env, at.cwd);
    assert.equal(found.length, expected.length, found.join("\n"));
    for (const text of expected) {
      assert.ok(
        found.some((f) => f.startsWith(text)),
        `${text}\nnot in\n${found.join("\n")}`,
      );
    }
  });
}

Deno.test("loadConfig() reports bad YAML with its line", async () => {
  await using at = await place({ "config.yaml": "log:\n  level: [\n" });
  assert.match(faultsOf({}, at.cwd)[0]!, /^config\.yaml:3: /);
  await using twice = await place({ "config.yaml": "home: a\nhome: b\n" });
  assert.match(faultsOf({}, twice.cwd)[0]!, /^config\.yaml:2: .*unique/);
});

Deno.test("loadConfig() reads a secret from the file a variable names", async () => {
  await using at = await place({ jwt: `${SECRET}\n` });
  const file = join(at.cwd, "jwt");
  const { config, sources } = loadConfig({
    env: { ATTUNE__SECURITY__JWT_SECRET_FILE: file },
    cwd: at.cwd,
  });
  assert.equal(config.security.jwt_secret, SECRET);
  assert.equal(
    sources.get("security.jwt_secret"),
    "ATTUNE__SECURITY__JWT_SECRET_FILE",
  );
  const both = {
    ATTUNE__SECURITY__JWT_SECRET_FILE: file,
    ATTUNE__SECURITY__JWT_SECRET: SECRET,
  };
  assert.deepEqual(faultsOf(both, at.cwd), [
    "ATTUNE__SECURITY__JWT_SECRET_FILE: set together with ATTUNE__SECURITY__JWT_SECRET: keep one of them",
  ]);
});

Deno.test("loadConfig() lets a plain variable win over the long form of its key", async () => {
  await using at = await place();
  const { config } = loadConfig({
    env: {
      ATTUNE_WORKER_RUNTIMES: "python",
      ATTUNE__WORKER__CAPABILITIES__RUNTIMES: "shell",
    },
    cwd: at.cwd,
  });
  assert.deepEqual(config.worker.capabilities.runtimes, ["python"]);
});

Deno.test("shownValues() masks secrets and passwords in URLs", async () => {
  await using at = await place();
  const loaded = loadConfig({
    env: {
      ATTUNE__SECURITY__JWT_SECRET: SECRET,
      ATTUNE__DATABASE__URL: "postgres://attune:hunter2@db:5432/attune",
      ATTUNE__MESSAGE_QUEUE__URL: "nats://bob:hunter2@mq:4222",
    },
    cwd: at.cwd,
  });
  const shown = shownValues(loaded);
  const valueOf = (key: string) => shown.find((s) => s.key === key)?.value;
  assert.equal(valueOf("security.jwt_secret"), "***");
  assert.equal(valueOf("database.url"), "postgres://attune:***@db:5432/attune");
  assert.equal(valueOf("message_queue.url"), "nats://***@mq:4222");
  assert.doesNotMatch(JSON.stringify(shown), /hunter2|0123456789abcdef/);
});

Deno.test("configReference() is what README shows", async () => {
  const readme = await Deno.readTextFile(
    new URL("../README.md", import.meta.url),
  );
  // The formatter aligns the columns there.
  const plain = (text: string) => text.replace(/ +/g, " ").replace(/-+/g, "-");
  const rows = plain(configReference()).trim().split("\n").slice(2);
  for (const row of rows) assert.ok(plain(readme).includes(row), row);
  const shown = readme.match(/^\| `[a-z_.]+` +\| `ATTUNE_/gm) ?? [];
  assert.equal(shown.length, rows.length);
});

Deno.test("configReference() has a row for every key", () => {
  const rows = configReference().trim().split("\n");
  assert.ok(rows.length > 45);
  assert.ok(rows.some((row) =>
    row.startsWith(
      "| `worker.join_token` | `ATTUNE_AGENT_TOKEN`, `ATTUNE__WORKER__JOIN_TOKEN` |",
    )
  ));
});
