// @ts-types="@types/tar-stream"
import tar from "tar-stream";
import { dirname, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { entryPath } from "./archive_path.ts";
import { ArchiveRefused } from "./archive_refused.ts";
import { hoistSingleDirectory } from "./hoist_directory.ts";

const MIB = 1024 * 1024;

export interface ArchiveLimits {
  /** Bytes of the compressed archive. */
  archiveBytes: number;
  /** Bytes of all extracted files together. */
  totalBytes: number;
  /** Bytes of one file. */
  fileBytes: number;
  /** Files and directories, those only implied by a path included. */
  entries: number;
}

/** api.md 3.2. */
export const ARCHIVE_LIMITS: Readonly<ArchiveLimits> = Object.freeze({
  archiveBytes: 100 * MIB,
  totalBytes: 100 * MIB,
  fileBytes: 50 * MIB,
  entries: 10_000,
});

/**
 * Unpacks a pack's tar.gz into `dest`, which is made when it does not exist
 * and must be empty when it does. A single top directory is taken off, so
 * `pack.yaml` is always at the root. Only files and directories are accepted;
 * modes become 0644, or 0755 for directories and executables. Throws
 * {@linkcode ArchiveRefused} for an archive that breaks a rule. Whenever it
 * throws, `dest` is left empty. Memory use does not depend on the archive.
 */
export async function extractArchive(
  archive: ReadableStream<Uint8Array>,
  dest: string,
  limits: Readonly<ArchiveLimits> = ARCHIVE_LIMITS,
): Promise<void> {
  await openEmpty(dest);
  try {
    await unpack(archive, dest, limits);
    await hoistSingleDirectory(dest);
  } catch (error) {
    await clear(dest);
    throw error;
  }
}

async function openEmpty(dest: string): Promise<void> {
  await Deno.mkdir(dest, { recursive: true });
  for await (const entry of Deno.readDir(dest)) {
    throw new Error(
      `Cannot extract into "${dest}" as it is not empty: it has "${entry.name}"`,
    );
  }
}

async function clear(dest: string): Promise<void> {
  const names = await Array.fromAsync(
    Deno.readDir(dest),
    (entry) => entry.name,
  );
  await Promise.all(
    names.map((name) => Deno.remove(join(dest, name), { recursive: true })),
  );
}

async function unpack(
  archive: ReadableStream<Uint8Array>,
  dest: string,
  limits: Readonly<ArchiveLimits>,
): Promise<void> {
  const extract = tar.extract();
  // Headers cost at most 4 KiB for each entry of an honest archive.
  const inflated = limits.totalBytes + limits.entries * 4096 + MIB;
  const flow = pipeline(
    Readable.fromWeb(archive as Parameters<typeof Readable.fromWeb>[0]),
    atMost(limits.archiveBytes, "the archive"),
    createGunzip(),
    atMost(inflated, "the uncompressed archive"),
    extract,
  );
  const [flowed, written] = await Promise.allSettled([
    flow,
    writeEntries(extract, dest, limits),
  ]);
  const causes = [written, flowed].flatMap((r) =>
    r.status === "rejected" ? [r.reason] : []
  );
  if (causes.length > 0) throw refusalOf(causes);
}

async function writeEntries(
  extract: tar.Extract,
  dest: string,
  limits: Readonly<ArchiveLimits>,
): Promise<void> {
  const seen = new Map<string, "file" | "directory">();
  let total = 0;
  for await (const entry of extract) {
    const { name, type, size = 0, mode = 0 } = entry.header;
    const path = entryPath(name, type);
    if (type === "file" && path !== "") {
      if (size > limits.fileBytes) {
        throw new ArchiveRefused(
          `"${path}" has ${size} bytes; one file may have ${limits.fileBytes}`,
        );
      }
      total += size;
      if (total > limits.totalBytes) {
        throw new ArchiveRefused(
          `the files have more than ${limits.totalBytes} bytes together`,
        );
      }
    }
    note(seen, path, type === "file" ? "file" : "directory");
    if (seen.size > limits.entries) {
      throw new ArchiveRefused(
        `it has more than ${limits.entries} files and directories`,
      );
    }
    const target = join(dest, path);
    if (type === "file") {
      await Deno.mkdir(dirname(target), { recursive: true, mode: 0o755 });
      await writeFile(target, entry, (mode & 0o111) !== 0);
    } else {
      await Deno.mkdir(target, { recursive: true, mode: 0o755 });
      entry.resume();
    }
  }
}

/** Remembers a path and the directories above it; refuses a second file of one name. */
function note(
  seen: Map<string, "file" | "directory">,
  path: string,
  kind: "file" | "directory",
): void {
  const parts = path.split("/");
  for (let i = 1; i < parts.length; i++) {
    const parent = parts.slice(0, i).join("/");
    if (seen.get(parent) === "file") {
      throw new ArchiveRefused(`"${parent}" is both a file and a directory`);
    }
    seen.set(parent, "directory");
  }
  if (path === "") return;
  const before = seen.get(path);
  if (before !== undefined && (before === "file" || kind === "file")) {
    throw new ArchiveRefused(`"${path}" is in it twice`);
  }
  seen.set(path, kind);
}

async function writeFile(
  target: string,
  entry: AsyncIterable<Uint8Array>,
  executable: boolean,
): Promise<void> {
  {
    using file = await Deno.open(target, { write: true, createNew: true });
    for await (const chunk of entry) await writeAll(file, chunk);
  }
  // Explicit, as the umask takes bits away from the mode given at creation.
  await Deno.chmod(target, executable ? 0o755 : 0o644);
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    // deno-lint-ignore no-await-in-loop -- what one write leaves, the next takes
    done += await file.write(bytes.subarray(done));
  }
}

function atMost(bytes: number, what: string): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      seen += chunk.byteLength;
      if (seen <= bytes) return done(null, chunk);
      done(new ArchiveRefused(`${what} has more than ${bytes} bytes`));
    },
  });
}

/** The cause that says most: a refusal before what follows from it. */
function refusalOf(causes: unknown[]): unknown {
  const refusal = causes.find((cause) => cause instanceof ArchiveRefused);
  if (refusal !== undefined) return refusal;
  const damaged = causes.find(isDamage);
  if (damaged === undefined) return causes[0];
  return new ArchiveRefused("it is not a complete tar.gz file", damaged);
}

function isDamage(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const code = "code" in cause ? String(cause.code) : "";
  return code.startsWith("Z_") ||
    /^Invalid (tar )?header|^Unexpected end of data|^Header exceeds/.test(
      cause.message,
    );
}
