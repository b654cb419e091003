import { randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  findNatsServer,
  type NatsServer,
  quote,
  startNatsServer,
} from "../../src/bus/nats_server.ts";
import type { BusAddress } from "../../src/domain/agent_protocol.ts";

type NatsAddress = Extract<BusAddress, { kind: "nats" }>;

/** Why tests that need a NATS server cannot run here; undefined when they can. */
export const natsMissing: string | undefined = findNatsServer() === undefined
  ? "nats-server is not on PATH"
  : undefined;

/** Registers a test that needs a NATS server; ignored, with the reason in its name, where there is none. */
export function natsTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: natsMissing === undefined ? name : `${name} (${natsMissing})`,
    ignore: natsMissing !== undefined,
    fn,
  });
}

export interface TestNats extends AsyncDisposable {
  /** Stays the same through `kill` and `restart`. */
  address: NatsAddress;
  /** Its own directory. */
  dir: string;
  /** Ends the server with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again on the same port and store. */
  restart(): Promise<void>;
  /** Kills it and empties its store; `restart` follows. */
  wipe(): Promise<void>;
}

export interface TestNatsOptions {
  /** Replaces the one user that may do everything; receives the server's directory. */
  authorization?: (dir: string) => string | Promise<string>;
}

/** A NATS server with JetStream on a free loopback port, gone when disposed of. */
export async function testNats(
  options: TestNatsOptions = {},
): Promise<TestNats> {
  const dir = await Deno.makeTempDir({ prefix: "attune_nats_" });
  const user = "test";
  const password = randomBytes(12).toString("hex");
  const store = join(dir, "jetstream");
  const authorization = await options.authorization?.(dir) ??
    `authorization { user: ${quote(user)}, password: ${quote(password)} }`;
  const config = `jetstream { store_dir: ${quote(store)} }\n${authorization}`;
  const start = (port?: number) =>
    startNatsServer({
      binary: findNatsServer()!,
      dir,
      config,
      ...(port !== undefined && { port }),
    });
  let server: NatsServer = await start();
  const { port } = server;
  const kill = async () => {
    server.kill("SIGKILL");
    await server.ended;
  };
  return {
    address: {
      kind: "nats",
      servers: [`nats://127.0.0.1:${port}`],
      ...(options.authorization === undefined && { user, password }),
    },
    dir,
    kill,
    async restart() {
      server = await start(port);
    },
    async wipe() {
      await kill();
      await Deno.remove(store, { recursive: true });
    },
    async [Symbol.asyncDispose]() {
      await kill();
      await Deno.remove(dir, { recursive: true });
    },
  };
}
