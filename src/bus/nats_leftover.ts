import type { Log } from "../log.ts";
import { configPathOf, pidPathOf } from "./nats_server.ts";

const ASK_MS = 10_000;
const LOOK_MS = 10;

/**
 * Ends the server that a killed parent left behind, so that its store has one
 * user. A process that is not exactly that server is left alone.
 */
export async function endLeftover(dir: string, log: Log): Promise<void> {
  const configPath = configPathOf(dir);
  const pid = await readPid(pidPathOf(dir));
  if (pid === undefined) return;
  const isOurs = async () => runs(await commandOf(pid), configPath);
  if (!await isOurs()) return;
  log.info("ending the bus that an earlier start left behind", { pid });
  signal(pid, "SIGTERM");
  if (await gone(isOurs)) return;
  signal(pid, "SIGKILL");
  if (await gone(isOurs)) return;
  throw new Error(
    `Cannot end the nats-server with process id ${pid} that an earlier start left behind: it uses ${configPath} and does not end; end it by hand`,
  );
}

/** It is not our child, so nothing tells of its end but looking. */
async function gone(isThere: () => Promise<boolean>): Promise<boolean> {
  const due = performance.now() + ASK_MS;
  while (performance.now() < due) {
    // deno-lint-ignore no-await-in-loop -- one look after the other
    if (!await isThere()) return true;
    // deno-lint-ignore no-await-in-loop -- one look after the other
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return false;
}

function runs(command: string[] | undefined, configPath: string): boolean {
  return command?.length === 3 && command[1] === "-c" &&
    command[2] === configPath;
}

/** Arguments of a running process; undefined when there is none. */
async function commandOf(pid: number): Promise<string[] | undefined> {
  if (Deno.build.os === "linux") {
    try {
      const text = await Deno.readTextFile(`/proc/${pid}/cmdline`);
      return text === "" ? undefined : text.split("\0").slice(0, -1);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }
  const { success, stdout } = await new Deno.Command("ps", {
    args: ["-ww", "-o", "args=", "-p", String(pid)],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).output();
  if (!success) return undefined;
  const [program = "", flag = "", ...path] = new TextDecoder().decode(stdout)
    .trim().split(" ");
  return [program, flag, path.join(" ")];
}

async function readPid(path: string): Promise<number | undefined> {
  try {
    const pid = Number(await Deno.readTextFile(path));
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** A process that ends while it is read answers ESRCH. */
function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    (error instanceof Error && "code" in error && error.code === "ESRCH");
}
