import { unlockAndClose } from "../unlock.ts";

export interface HomeLock extends Disposable {
  /** Adds the address at which this process answers, for the message others get. */
  tell(url: string): void;
}

/**
 * Holds a directory for this process until disposed; the kernel lets go when
 * the process dies in any way. Throws when another process holds it, naming
 * that process and its address.
 */
export function lockHome(home: string): Promise<HomeLock> {
  return lockFile("lock", home);
}

/** The same for a part of a home: its database. */
export async function lockFile(
  name: string,
  home: string,
): Promise<HomeLock> {
  await Deno.mkdir(home, { recursive: true });
  const path = `${home}/${name}`;
  const file = await Deno.open(path, {
    read: true,
    write: true,
    create: true,
    mode: 0o600,
  });
  if (!await tryLock(file, path)) {
    file.close();
    throw new Error(
      `Cannot use "${home}" as ${await holderOf(path)} is running on it: ` +
        `stop that one first, or choose another directory with ATTUNE_HOME`,
    );
  }
  write(file, { pid: Deno.pid });
  let held = true;
  return {
    tell: (url) => write(file, { pid: Deno.pid, url }),
    [Symbol.dispose]() {
      if (!held) return;
      held = false;
      file.truncateSync(0);
      unlockAndClose(file);
    },
  };
}

async function tryLock(file: Deno.FsFile, path: string): Promise<boolean> {
  try {
    return await file.tryLock(true);
  } catch (cause) {
    file.close();
    throw new Error(
      `Cannot lock "${path}": ${
        cause instanceof Error ? cause.message : cause
      }; choose a directory on a local disk with ATTUNE_HOME`,
      { cause },
    );
  }
}

function write(file: Deno.FsFile, holder: { pid: number; url?: string }): void {
  const bytes = new TextEncoder().encode(JSON.stringify(holder));
  file.truncateSync(0);
  file.seekSync(0, Deno.SeekMode.Start);
  file.writeSync(bytes);
}

async function holderOf(path: string): Promise<string> {
  try {
    const { pid, url } = JSON.parse(await Deno.readTextFile(path));
    return `process ${pid}${url === undefined ? "" : ` (${url})`}`;
  } catch {
    // Taken this instant, and not written yet.
    return "another process";
  }
}
