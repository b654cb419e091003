import { delimiter, join } from "node:path";

/** The `nats-server` that the shell would find, or undefined. */
export function findNatsServer(): string | undefined {
  const name = Deno.build.os === "windows" ? "nats-server.exe" : "nats-server";
  return (Deno.env.get("PATH") ?? "").split(delimiter)
    .filter((dir) => dir !== "")
    .map((dir) => join(dir, name))
    .find(isProgram);
}

export interface NatsServer extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** Resolves when the process has ended. */
  readonly ended: Promise<Deno.CommandStatus>;
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

export interface NatsServerOptions {
  binary: string;
  /** Its own directory: configuration, log and ports file are in it. */
  dir: string;
  /** Without the listening address. */
  config: string;
  /** Default: a free one. */
  port?: number;
  /** Default 10,000 ms. */
  readyMs?: number;
}

/** Where the configuration of a server of `dir` is. */
export function configPathOf(dir: string): string {
  return join(dir, "nats.conf");
}

/** Where a server of `dir` writes its process id. */
export function pidPathOf(dir: string): string {
  return join(dir, "nats.pid");
}

/**
 * Starts a server on loopback and resolves once it listens. Disposing stops it
 * and waits for its end. Its process group is its own, so that a Ctrl-C does not
 * take the bus away from those who still have something to say.
 */
export async function startNatsServer(
  options: NatsServerOptions,
): Promise<NatsServer> {
  const { binary, dir, config, port, readyMs = 10_000 } = options;
  const logPath = join(dir, "nats.log");
  const path = configPathOf(dir);
  const text = [
    "host: 127.0.0.1",
    `port: ${port ?? -1}`,
    `ports_file_dir: ${quote(dir)}`,
    `pid_file: ${quote(pidPathOf(dir))}`,
    `log_file: ${quote(logPath)}`,
    config,
  ].join("\n");
  await removePortsFiles(dir);
  await writePrivate(path, text);
  await writePrivate(logPath, "");
  // Watched before it starts, so that no event is missed.
  const watcher = Deno.watchFs(dir, { recursive: false });
  const stopWatching = once(() => watcher.close());
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(binary, {
      args: ["-c", path],
      stdin: "null",
      stdout: "null",
      stderr: "null",
      detached: true,
    }).spawn();
  } catch (cause) {
    stopWatching();
    throw new Error(`Cannot start ${binary}: ${(cause as Error).message}`, {
      cause,
    });
  }
  const server = new Child(child, port ?? 0);
  const timer = setTimeout(stopWatching, readyMs);
  server.ended.then(stopWatching);
  try {
    server.port = await listening(watcher, join(dir, portsFile(binary, child)));
  } catch (cause) {
    await server[Symbol.asyncDispose]();
    throw new Error(
      `Cannot start ${binary}: it does not listen. ${await lastLines(logPath)}`,
      { cause },
    );
  } finally {
    clearTimeout(timer);
    stopWatching();
  }
  return server;
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    act();
  };
}

class Child implements NatsServer {
  port: number;
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  #running = true;

  constructor(child: Deno.ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
    this.ended = child.status.finally(() => this.#running = false);
  }

  get pid(): number {
    return this.#child.pid;
  }

  kill(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.#running) this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGTERM");
    const timer = setTimeout(() => this.kill("SIGKILL"), 10_000);
    await this.ended;
    clearTimeout(timer);
  }
}

/** The port, once the server has written where it listens. */
async function listening(
  watcher: Deno.FsWatcher,
  path: string,
): Promise<number> {
  for await (const _event of watcher) {
    const port = portIn(await readText(path));
    if (port !== undefined) return port;
  }
  throw new Error(`${path} was not written`);
}

/** Undefined while the file is not complete. */
function portIn(text: string | undefined): number | undefined {
  try {
    const { nats } = JSON.parse(text ?? "") as { nats: string[] };
    return Number(new URL(nats[0]!).port);
  } catch {
    return undefined;
  }
}

function portsFile(binary: string, child: Deno.ChildProcess): string {
  return `${binary.split(/[\\/]/).at(-1)}_${child.pid}.ports`;
}

async function removePortsFiles(dir: string): Promise<void> {
  for await (const { name } of Deno.readDir(dir)) {
    if (name.endsWith(".ports")) await Deno.remove(join(dir, name));
  }
}

async function writePrivate(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(path, text, { mode: 0o600 });
  await Deno.chmod(path, 0o600); // the mode above counts only for a new file
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function lastLines(path: string): Promise<string> {
  const lines = (await readText(path) ?? "").trim().split("\n").slice(-3);
  return lines.join("") === ""
    ? `It wrote nothing to ${path}.`
    : `The end of ${path}:\n${lines.join("\n")}`;
}

function isProgram(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && (mode === null || (mode & 0o111) !== 0);
  } catch {
    return false;
  }
}

/** A string of a configuration file of the server. */
export function quote(text: string): string {
  return JSON.stringify(text);
}
