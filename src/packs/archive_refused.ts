/** An uploaded archive that breaks a rule; the message says which and where. */
export class ArchiveRefused extends Error {
  override name = "ArchiveRefused";

  constructor(why: string, cause?: unknown) {
    super(`Cannot accept this archive: ${why}`, { cause });
  }
}
