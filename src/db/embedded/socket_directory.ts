import type { ServerUser } from "./server_user.ts";

export interface SocketDirectory extends AsyncDisposable {
  readonly path: string;
}

/** Of `.s.PGSQL.5432` below it; a socket's path has at most 103 bytes (macOS) or 107 (Linux). */
const NAME_LENGTH = "/.s.PGSQL.5432".length;
const MAX_PATH = 103;

/** A directory for the socket that only the server's user may enter: here when the path is short enough. */
export async function socketDirectory(
  directory: string,
  owner: Pick<ServerUser, "uid" | "gid">,
): Promise<SocketDirectory> {
  const path = `${directory}/socket`;
  const length = new TextEncoder().encode(path).length + NAME_LENGTH;
  const fits = length <= MAX_PATH;
  if (fits) await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  const chosen = fits ? path : await Deno.makeTempDir({ prefix: "attune-" });
  if (Deno.uid() === 0) await Deno.chown(chosen, owner.uid, owner.gid);
  return {
    path: chosen,
    async [Symbol.asyncDispose]() {
      if (!fits) await Deno.remove(chosen, { recursive: true });
    },
  };
}
