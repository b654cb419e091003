import type { Log } from "../../log.ts";
import { pollUntil } from "./poll_until.ts";

export interface EndStrayOptions {
  /** Absolute, links resolved. */
  data: string;
  log: Log;
}

/**
 * Ends the server that a killed program left running on these data, if there
 * is one, and removes a `postmaster.pid` whose number now belongs to a
 * stranger. The caller holds the lock on the data, so it is nobody's.
 */
export async function endStrayServer(
  { data, log }: EndStrayOptions,
): Promise<void> {
  const pidFile = `${data}/postmaster.pid`;
  const pid = await readPid(pidFile);
  if (pid === undefined) return;
  const command = await commandOf(pid);
  if (command === undefined) return; // the new server takes the file over
  if (!command.includes(`postgres -D ${data} `)) {
    // Common in containers, where the same few numbers come back at every start.
    await Deno.remove(pidFile);
    return;
  }
  log.info("ending the PostgreSQL that a killed program left", { pid });
  for (
    const [signal, ms] of [["SIGINT", 20_000], ["SIGQUIT", 10_000]] as const
  ) {
    send(pid, signal);
    const gone = async () => await commandOf(pid) === undefined;
    // deno-lint-ignore no-await-in-loop -- the harder way only when the first failed
    if (await pollUntil(gone, ms)) return;
  }
  throw new Error(
    `Cannot end the PostgreSQL server ${pid} that still runs on "${data}": end it by hand with \`kill -9 ${pid}\``,
  );
}

/** The process of `postmaster.pid`; undefined when there is no such file. */
export async function readPid(pidFile: string): Promise<number | undefined> {
  try {
    const pid = parseInt(await Deno.readTextFile(pidFile));
    return pid > 1 ? pid : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Command line of a living process, zombies not counted; undefined when there is none. */
export async function commandOf(pid: number): Promise<string | undefined> {
  if (Deno.build.os !== "linux") {
    const ps = new Deno.Command("ps", {
      args: ["-o", "stat=,command=", "-p", `${pid}`],
      stderr: "null",
    });
    const line = new TextDecoder().decode((await ps.output()).stdout).trim();
    return line === "" || line.startsWith("Z") ? undefined : line;
  }
  try {
    // A zombie's command line is empty.
    const text = await Deno.readTextFile(`/proc/${pid}/cmdline`);
    return text === "" ? undefined : text.replaceAll("\0", " ");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function send(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
