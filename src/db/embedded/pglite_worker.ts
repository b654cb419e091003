/// <reference lib="deno.worker" />
/**
 * PGlite behind its wire-protocol socket, in a thread of its own: every
 * statement would otherwise block the program. First message in: where; out:
 * `{version}` or `{error}`. Second message in: stop; out: `{}`.
 */
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

export interface PgliteStart {
  data: string;
  /** Of the Unix socket. */
  socket: string;
}

export interface PgliteReply {
  version?: string;
  error?: string;
}

let stop: (() => Promise<void>) | undefined;

self.onmessage = async ({ data }: MessageEvent<PgliteStart | "stop">) => {
  try {
    if (data === "stop") {
      await stop?.();
      return reply({});
    }
    reply({ version: await start(data) });
  } catch (error) {
    reply({ error: error instanceof Error ? error.message : String(error) });
  }
};

async function start({ data, socket }: PgliteStart): Promise<string> {
  const db = await PGlite.create({ dataDir: data });
  const server = new PGLiteSocketServer({
    db,
    path: socket,
    maxConnections: 100,
  });
  await server.start();
  stop = async () => {
    await server.stop();
    await db.close();
  };
  const { rows } = await db.query<{ server_version: string }>(
    "show server_version",
  );
  return rows[0]!.server_version;
}

function reply(message: PgliteReply): void {
  self.postMessage(message);
}
