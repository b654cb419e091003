import { CannotRun } from "./cannot_run.ts";
import { type Program, runProgram } from "./run_program.ts";

/** As whom the server runs. It refuses root, and initdb a user without a name. */
export interface ServerUser {
  /**
   * `same`: as we do. `namespace`: as we do, but named otherwise in a user
   * namespace of its own. `other`: as another user of the system; we are root.
   */
  readonly kind: "same" | "namespace" | "other";
  /** Who owns the server's files on disk. */
  readonly uid: number;
  readonly gid: number;
  /** The same command line, run as this user. */
  as(command: string, args: string[]): Program;
}

export interface ServerUserOptions {
  /** False: as if the kernel refused user namespaces. */
  namespaces?: boolean;
}

/** Finds a way that works here; throws {@linkcode CannotRun} when none does. */
export async function chooseServerUser(
  { namespaces = true }: ServerUserOptions = {},
): Promise<ServerUser> {
  const uid = Deno.uid() ?? 0;
  const gid = Deno.gid() ?? 0;
  const named = (await runProgram({ command: "id", args: ["-un"] })).code === 0;
  if (uid !== 0 && named) {
    return {
      kind: "same",
      uid,
      gid,
      as: (command, args) => ({ command, args }),
    };
  }
  const account = await findAccount();
  if (namespaces) {
    const as = (command: string, args: string[]) => ({
      command: "unshare",
      args: [
        "--user",
        `--map-user=${account.uid}`,
        `--map-group=${account.gid}`,
      ]
        .concat("--", command, args),
    });
    const { code } = await runProgram(as("true", []));
    if (code === 0) return { kind: "namespace", uid, gid, as };
  }
  if (uid !== 0) {
    throw new CannotRun(
      `user ${uid} has no name in /etc/passwd, and user namespaces are refused`,
    );
  }
  return {
    kind: "other",
    ...account,
    as: (command, args) => ({ command, args, ...account }),
  };
}

/** A user other than root, known to the system: `nobody` by preference. */
async function findAccount(): Promise<{ uid: number; gid: number }> {
  const text = await Deno.readTextFile("/etc/passwd").catch(() => "");
  const accounts = text.split("\n").map((line) => line.split(":"))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > 0 && gid > 0);
  const found = accounts.find(({ name }) => name === "nobody") ?? accounts[0];
  if (found === undefined) {
    throw new CannotRun("it refuses root, and /etc/passwd names nobody else");
  }
  return { uid: found.uid, gid: found.gid };
}
