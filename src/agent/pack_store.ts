import { join } from "node:path";
import { isIdent } from "../domain/ref.ts";
import type { Log } from "../log.ts";
import { extractArchive } from "../packs/extract_archive.ts";
import { hashTree } from "../packs/tree_hash.ts";
import type { ApiClient } from "./api_client.ts";

/** Pack trees by content hash: from the shared volume where it has that content, else downloaded once. */
export interface PackStore {
  /** The directory when it is at hand without any download. */
  find(ref: string, hash: string): Promise<string | undefined>;
  /** Downloads, checks and keeps it. Concurrent calls share one download. */
  fetch(ref: string, hash: string): Promise<string>;
}

export interface PackStoreOptions {
  api: Pick<ApiClient, "open">;
  /** Cache of downloaded trees. */
  cacheDir: string;
  packsBaseDir: string | null;
  log: Log;
}

const DOWNLOAD_TIMEOUT_MS = 120_000;
/** How many former versions of a pack stay in the cache for executions that still run. */
const KEEP_MS = 24 * 3600 * 1000;
const HASH = /^[0-9a-f]{64}$/;

export function makePackStore(
  { api, cacheDir, packsBaseDir, log }: PackStoreOptions,
): PackStore {
  const known = new Map<string, Promise<string | undefined>>();
  const fetching = new Map<string, Promise<string>>();

  async function lookUp(ref: string, hash: string) {
    const cached = join(cacheDir, ref, hash);
    if (isDirectory(cached)) return cached;
    if (packsBaseDir === null) return undefined;
    const shared = join(packsBaseDir, ref);
    try {
      if (await hashTree(shared) === hash) return shared;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) {
        log.warn("a pack of the shared volume cannot be read", {
          pack: ref,
          dir: shared,
          error: String(error),
        });
      }
    }
    return undefined;
  }

  async function download(ref: string, hash: string): Promise<string> {
    const dir = join(cacheDir, ref);
    const partial = join(dir, `.${crypto.randomUUID()}`);
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    try {
      const archive = await api.open(`packs/${ref}/${hash}`, {
        method: "GET",
        timeoutMs: DOWNLOAD_TIMEOUT_MS,
      });
      await extractArchive(archive, partial);
      const got = await hashTree(partial);
      if (got !== hash) {
        throw new Error(
          `Cannot use the downloaded pack "${ref}" as its content hash must be ${hash}: it is ${got}`,
        );
      }
      await moveInto(partial, join(dir, hash));
    } finally {
      await Deno.remove(partial, { recursive: true }).catch(() => {});
    }
    log.info("pack fetched", { pack: ref, hash });
    await removeOld(dir, hash).catch((error) =>
      log.warn("old pack versions cannot be removed", { dir, error })
    );
    return join(dir, hash);
  }

  return {
    async find(ref, hash) {
      checkName(ref, hash);
      const key = `${ref}/${hash}`;
      const looking = known.get(key) ?? lookUp(ref, hash);
      known.set(key, looking);
      const dir = await looking;
      if (dir !== undefined && isDirectory(dir)) return dir;
      known.delete(key);
      return undefined;
    },
    fetch(ref, hash) {
      checkName(ref, hash);
      const key = `${ref}/${hash}`;
      const running = fetching.get(key) ??
        download(ref, hash).finally(() => fetching.delete(key));
      fetching.set(key, running);
      return running;
    },
  };
}

/** Both become parts of a path. */
function checkName(ref: string, hash: string): void {
  if (isIdent(ref) && HASH.test(hash)) return;
  throw new Error(`Cannot look for pack "${ref}" with content hash "${hash}"`);
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

async function moveInto(from: string, to: string): Promise<void> {
  try {
    await Deno.rename(from, to);
  } catch (error) {
    // Another process of the same cache was faster.
    if (!isDirectory(to)) throw error;
  }
}

/** Removes versions other than `current` that were not touched for a day, and what a killed download left. */
async function removeOld(dir: string, current: string): Promise<void> {
  const before = Date.now() - KEEP_MS;
  for await (const { name } of Deno.readDir(dir)) {
    const path = join(dir, name);
    if (name === current) continue;
    const { mtime } = await Deno.stat(path);
    if (mtime === null || mtime.getTime() < before) {
      await Deno.remove(path, { recursive: true });
    }
  }
}
