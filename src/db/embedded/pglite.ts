import type { PgliteReply, PgliteStart } from "./pglite_worker.ts";
import { socketDirectory } from "./socket_directory.ts";

export interface Pglite extends AsyncDisposable {
  readonly version: string;
  /** Directory of its socket. */
  readonly socketDirectory: string;
}

/** Opens (or makes) the PGlite database in `directory`; its packages are loaded only now. */
export async function openPglite(directory: string): Promise<Pglite> {
  await using undo = new AsyncDisposableStack();
  await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  const owner = { uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 };
  const sockets = undo.use(await socketDirectory(directory, owner));
  const socket = `${sockets.path}/.s.PGSQL.5432`;
  // Of a killed program; nobody else is here, the caller holds the lock.
  await Deno.remove(socket).catch(() => {});
  const worker = undo.adopt(
    new Worker(new URL("./pglite_worker.ts", import.meta.url), {
      type: "module",
      name: "pglite",
    }),
    (worker) => worker.terminate(),
  );
  const start: PgliteStart = { data: `${directory}/data`, socket };
  const { version, error } = await ask(worker, start);
  if (version === undefined) {
    throw new Error(`Cannot open PGlite in "${directory}": ${error}`);
  }
  undo.defer(async () => {
    await ask(worker, "stop");
  });
  const open = undo.move();
  return {
    version,
    socketDirectory: sockets.path,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

function ask(
  worker: Worker,
  message: PgliteStart | "stop",
): Promise<PgliteReply> {
  return new Promise((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<PgliteReply>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      resolve({ error: event.message });
    };
    worker.postMessage(message);
  });
}
