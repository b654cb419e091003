import { ensureAdmin } from "../api/auth/bootstrap.ts";
import { installBundledPacks } from "../api/bundled_packs.ts";
import type { ApiSettings } from "../api/env.ts";
import { type ApiServer, serveApi } from "../api/serve.ts";
import type { Bus } from "../bus/bus.ts";
import type { Config } from "../config.ts";
import type { Db } from "../db/connect.ts";
import { whatIsMissing } from "../db/readiness.ts";
import { removeService, touchService } from "../db/service.ts";
import { type BusAddress, LEASE_MS } from "../domain/agent_protocol.ts";
import type { Log } from "../log.ts";
import { VERSION } from "../version.ts";

export interface ApiParts {
  db: Db;
  bus: Bus;
  /** What agents are told. */
  agentBus: BusAddress;
  log: Log;
  /** What this process still waits for; null = nothing. */
  waitsFor?: () => string | null;
}

const PACKS = new URL("../../packs/", import.meta.url).pathname;
const RUNTIMES = new URL("../../runtimes/", import.meta.url).pathname;
const BEAT_MS = 1_000;

/** Loads the shipped packs, makes the admin that is asked for, and serves. Pushed on `stack`. */
export async function openApi(
  config: Config,
  { db, bus, agentBus, log, waitsFor = () => null }: ApiParts,
  stack: AsyncDisposableStack,
): Promise<ApiServer> {
  const { jwt_secret, admin_login, admin_password } = config.security;
  if (jwt_secret === null) {
    throw new Error(
      "Cannot start the api as it needs a secret that signs tokens: set ATTUNE__SECURITY__JWT_SECRET to 32 random characters or more",
    );
  }
  if ((admin_login === null) !== (admin_password === null)) {
    log.warn("no admin is made: login and password are needed, one is set");
  }
  const settings: ApiSettings = {
    version: VERSION,
    jwtSecret: jwt_secret,
    encryptionKey: config.security.encryption_key,
    accessTtlS: config.security.access_token_ttl,
    refreshTtlS: config.security.refresh_token_ttl,
    allowSelfRegistration: config.security.allow_self_registration,
    joinToken: config.security.agent_join_token,
    corsOrigins: [...config.server.cors_origins],
    publicUrl: config.server.public_url,
    agentBus,
    packsBaseDir: config.packs_base_dir,
    artifactsDir: config.artifacts_dir,
    notReady: async () =>
      waitsFor() ?? await whatIsMissing(db, { silentMs: LEASE_MS }),
  };
  const deps = { db, bus, log, settings };
  await installBundledPacks(deps, { packsDir: PACKS, runtimesDir: RUNTIMES });
  if (admin_login !== null && admin_password !== null) {
    const made = await ensureAdmin(db, {
      login: admin_login,
      password: admin_password,
    });
    if (made) log.info("admin made", { login: admin_login });
  }
  const { host, port } = config.server;
  const server = stack.use(await serveApi(deps, { host, port }));
  stack.use(sayAlive(db, log));
  return server;
}

/** Keeps the row by which others know that an api process lives. */
function sayAlive(db: Db, log: Log): AsyncDisposable {
  const id = `api-${crypto.randomUUID()}`;
  let beat = touch();
  function touch(): Promise<void> {
    return touchService(db, { id, role: "api" }).catch((error) =>
      log.warn("cannot tell the database that we live", { error })
    );
  }
  const timer = setInterval(() => {
    beat = beat.then(touch);
  }, BEAT_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await beat;
      await removeService(db, id).catch(() => {});
    },
  };
}
