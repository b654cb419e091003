import { runProgram } from "./run_program.ts";
import type { ServerUser } from "./server_user.ts";

export interface ServerDirectoryOptions {
  home: string;
  user: ServerUser;
}

/** Where a home that the server's user cannot enter keeps its database. */
const ELSEWHERE = "/var/lib/attune";

/**
 * The directory of everything about the server: `<home>/postgres`, or a place
 * that another user can reach, which a file `elsewhere` there then names.
 */
export async function serverDirectory(
  { home, user }: ServerDirectoryOptions,
): Promise<string> {
  const own = `${home}/postgres`;
  await Deno.mkdir(own, { recursive: true });
  const pointer = `${own}/elsewhere`;
  const named = await Deno.readTextFile(pointer).catch(() => undefined);
  if (named !== undefined) return named.trim();
  if (user.kind !== "other" || await canEnter(user, own)) {
    return await Deno.realPath(own);
  }
  const made = await Deno.stat(`${own}/data`).catch(() => undefined);
  if (made !== undefined) {
    throw new Error(
      `Cannot open the database in "${own}" as the server must run as user ${user.uid} here, who cannot enter that directory: allow it (\`chmod a+x\` on each directory above it), or allow user namespaces again`,
    );
  }
  const elsewhere = `${ELSEWHERE}/${crypto.randomUUID()}`;
  await Deno.mkdir(elsewhere, { recursive: true, mode: 0o755 });
  await Deno.writeTextFile(pointer, `${elsewhere}\n`);
  return elsewhere;
}

async function canEnter(user: ServerUser, path: string): Promise<boolean> {
  const { code } = await runProgram(user.as("sh", ["-c", `cd "$0"`, path]));
  return code === 0;
}
