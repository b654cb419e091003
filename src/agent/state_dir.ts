import { join } from "node:path";
import { unlockAndClose } from "../unlock.ts";

/** Another process holds the state directory. */
export class StateDirHeld extends Error {
  override name = "StateDirHeld";
}

/** The agent's own directory, held by this process alone. */
export interface StateDir extends Disposable {
  readonly path: string;
  /** Made once per directory. */
  readonly instanceId: string;
  readonly work: string;
  readonly spool: string;
  readonly packs: string;
}

/**
 * Opens the state directory, which is made when missing, and takes its lock.
 * Throws
 * {@linkcode StateDirHeld} when another process has it.
 */
export async function openStateDir(path: string): Promise<StateDir> {
  const [work, spool, packs] = ["work", "spool", "packs"].map((name) =>
    join(path, name)
  ) as [string, string, string];
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  const lock = await Deno.open(join(path, "agent.lock"), {
    create: true,
    read: true,
    write: true,
    mode: 0o600,
  });
  try {
    if (!await lock.tryLock(true)) {
      throw new StateDirHeld(
        `Cannot use the state directory "${path}" as another agent runs on it: give each agent a directory of its own`,
      );
    }
    await Promise.all(
      [work, spool, packs].map((dir) =>
        Deno.mkdir(dir, { recursive: true, mode: 0o700 })
      ),
    );
    const instanceId = await readInstanceId(join(path, "instance_id"));
    return {
      path,
      instanceId,
      work,
      spool,
      packs,
      [Symbol.dispose]: once(() => unlockAndClose(lock)),
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}

async function readInstanceId(file: string): Promise<string> {
  try {
    const text = (await Deno.readTextFile(file)).trim();
    if (text !== "") return text;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const id = crypto.randomUUID();
  await Deno.writeTextFile(`${file}.new`, `${id}\n`, { mode: 0o600 });
  await Deno.rename(`${file}.new`, file);
  return id;
}
