import { freePort } from "./free_port.ts";
import { until } from "./until.ts";

export interface RealPostgres extends AsyncDisposable {
  readonly url: string;
  readonly version: string;
}

/** Directory of the newest server binaries of this machine; undefined when there are none. */
export function findPostgresBin(): string | undefined {
  const root = "/usr/lib/postgresql";
  try {
    const versions = [...Deno.readDirSync(root)].map((e) => Number(e.name))
      .filter((n) => n >= 15).sort((a, b) => b - a);
    return versions[0] === undefined ? undefined : `${root}/${versions[0]}/bin`;
  } catch {
    return undefined;
  }
}

/**
 * A private PostgreSQL from the machine's own packages in a fresh directory
 * and on a free port, as user `postgres` when we are root (the server refuses
 * root). Durable settings are off unless asked for.
 */
export async function startRealPostgres(
  bin: string,
  { durable = false } = {},
): Promise<RealPostgres> {
  const home = await Deno.makeTempDir({ prefix: "attune-pg-" });
  const data = `${home}/data`;
  const asServer = Deno.uid() === 0
    ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    : [];
  if (Deno.uid() === 0) {
    await run(["chown", "postgres:postgres", home]);
  }
  const port = freePort();
  await run([
    ...asServer,
    `${bin}/initdb`,
    ...["-D", data, "-U", "attune", "-A", "trust", "-E", "UTF8"],
    ...["--locale=C", "--no-sync", "--no-instructions"],
  ]);
  const version = (await run([`${bin}/postgres`, "--version"])).trim();
  const [command, ...args] = [
    ...asServer,
    `${bin}/postgres`,
    ...["-D", data, "-p", `${port}`, "-c", "listen_addresses=127.0.0.1"],
    ...[
      "-c",
      "unix_socket_directories=",
      "-c",
      `fsync=${durable ? "on" : "off"}`,
    ],
    ...["-c", "max_connections=200"],
  ];
  const server = new Deno.Command(command!, {
    args,
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await until("PostgreSQL to answer", async () => {
    await run([`${bin}/pg_isready`, "-h", "127.0.0.1", "-p", `${port}`]);
    return true;
  });
  return {
    url: `postgres://attune@127.0.0.1:${port}/postgres`,
    version,
    async [Symbol.asyncDispose]() {
      server.kill("SIGINT");
      await server.status;
      await Deno.remove(home, { recursive: true });
    },
  };
}

async function run([command, ...args]: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command!, {
    args,
    cwd: "/",
    stdin: "null",
  }).output();
  if (code !== 0) {
    throw new Error(
      `${command} exited with ${code}: ${new TextDecoder().decode(stderr)}`,
    );
  }
  return new TextDecoder().decode(stdout);
}
