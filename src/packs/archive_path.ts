import { ArchiveRefused } from "./archive_refused.ts";

/** Bytes of a whole path, and of one part of it (the kernel's limit for a name). */
const PATH_BYTES = 1024;
const PART_BYTES = 255;

const encoder = new TextEncoder();

/**
 * Where an archive entry goes, relative to the destination; "" is the
 * destination itself. Throws {@linkcode ArchiveRefused} for anything but a
 * file or directory, and for a name that is absolute, climbs, or cannot be a
 * file name.
 */
export function entryPath(
  name: string,
  type: string | null | undefined,
): string {
  const shown = JSON.stringify(name.slice(0, 200));
  if (type !== "file" && type !== "directory") {
    throw new ArchiveRefused(
      `${shown} is a ${
        type ?? "special entry"
      }; only files and directories are allowed`,
    );
  }
  if (name.startsWith("/")) {
    throw new ArchiveRefused(`${shown} is an absolute path`);
  }
  // deno-lint-ignore no-control-regex -- these are what must be refused
  if (/[\u0000-\u001f\u007f\ufffd]/.test(name) || !name.isWellFormed()) {
    throw new ArchiveRefused(
      `${shown} has control characters or is not valid UTF-8`,
    );
  }
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) {
    throw new ArchiveRefused(`${shown} climbs out with ".."`);
  }
  if (type === "file" && parts.length === 0) {
    throw new ArchiveRefused(`${shown} is not a file name`);
  }
  const path = parts.join("/");
  if (
    encoder.encode(path).length > PATH_BYTES ||
    parts.some((part) => encoder.encode(part).length > PART_BYTES)
  ) {
    throw new ArchiveRefused(`${shown} is too long for a path`);
  }
  return path;
}
