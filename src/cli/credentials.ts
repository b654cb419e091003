import { dirname, join } from "node:path";

/** How the command line is known to one API. */
export interface Session {
  url: string;
  login: string;
  access_token?: string;
  refresh_token?: string;
  /** Unix seconds. */
  expires_at?: number;
  /** Only the development stack leaves one, in its own directory. */
  password?: string;
}

/** A session and the place it came from. */
export interface StoredSession {
  session: Session;
  save(session: Session): Promise<void>;
}

interface CredentialsFile {
  /** The API that was logged in to last. */
  current: string | null;
  servers: Record<string, Session>;
}

type Env = Record<string, string>;

/** `$XDG_CONFIG_HOME/attune/credentials.json`. */
export function credentialsPath(env: Env): string {
  const base = env.XDG_CONFIG_HOME || join(env.HOME || "/root", ".config");
  return join(base, "attune", "credentials.json");
}

/** The session for `url`, or the current one; undefined when there is none. */
export async function storedSession(
  env: Env,
  url?: string,
): Promise<StoredSession | undefined> {
  const path = credentialsPath(env);
  const { current, servers } = await readCredentials(path);
  const session = servers[url ?? current ?? ""];
  return session &&
    { session, save: (next) => saveSession(env, next, { current: false }) };
}

/** Keeps a session, readable by its owner alone; `current` makes it the one used from now on. */
export async function saveSession(
  env: Env,
  session: Session,
  { current }: { current: boolean },
): Promise<void> {
  const path = credentialsPath(env);
  const file = await readCredentials(path);
  file.servers[session.url] = session;
  if (current) file.current = session.url;
  await writePrivate(path, file);
}

/** Forgets the session for `url`, or the current one. Answers which. */
export async function forgetSession(
  env: Env,
  url?: string,
): Promise<string | undefined> {
  const path = credentialsPath(env);
  const file = await readCredentials(path);
  const forgotten = url ?? file.current ?? undefined;
  if (forgotten === undefined || !file.servers[forgotten]) return undefined;
  delete file.servers[forgotten];
  if (file.current === forgotten) file.current = null;
  await writePrivate(path, file);
  return forgotten;
}

/** What the development stack of `ATTUNE_HOME` (default `./.attune`) left while it runs. */
export async function developmentSession(
  env: Env,
): Promise<StoredSession | undefined> {
  const path = join(env.ATTUNE_HOME || ".attune", "cli.json");
  const session = await readJson(path) as Session | undefined;
  if (typeof session?.url !== "string") return undefined;
  return { session, save: (next) => writePrivate(path, next) };
}

async function readCredentials(path: string): Promise<CredentialsFile> {
  const file = await readJson(path) as Partial<CredentialsFile> | undefined;
  return { current: file?.current ?? null, servers: file?.servers ?? {} };
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch {
    return undefined; // absent, unreadable or damaged: as if nothing was stored
  }
}

async function writePrivate(path: string, value: unknown): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${crypto.randomUUID()}`;
  await Deno.writeTextFile(fresh, JSON.stringify(value, null, 2) + "\n", {
    mode: 0o600,
  });
  await Deno.rename(fresh, path);
}
