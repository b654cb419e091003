import type { Bus } from "../bus/bus.ts";
import type { Db } from "../db/connect.ts";
import type { BusAddress } from "../domain/agent_protocol.ts";
import type { Grant } from "../domain/pack.ts";
import type { Log } from "../log.ts";
import type { Live } from "./live.ts";

/** What every handler may use. */
export interface ApiDeps {
  db: Db;
  bus: Bus;
  /** Made by `openLive(bus)`; disposed of before the server waits for open requests. */
  live: Live;
  log: Log;
  settings: ApiSettings;
}

export interface ApiSettings {
  version: string;
  /** Signs every token; at least 32 characters. */
  jwtSecret: string;
  /** Seals secrets at rest; null = secrets cannot be stored. */
  encryptionKey: string | null;
  accessTtlS: number;
  refreshTtlS: number;
  allowSelfRegistration: boolean;
  /** What agents present to register; null = nobody can. */
  joinToken: string | null;
  corsOrigins: string[];
  /** Base URL under which agents and actions reach this API; null = as they were told. */
  publicUrl: string | null;
  /** How agents reach the bus. */
  agentBus: BusAddress;
  packsBaseDir: string;
  artifactsDir: string;
  /** Null when executions can run, else what is missing. */
  notReady: () => Promise<string | null>;
}

/** Who asks; set by the authentication middleware. */
export type Caller =
  | { kind: "access"; identityId: number; login: string; grants: Grant[] }
  | {
    kind: "execution";
    identityId: number;
    executionId: number;
    actionRef: string;
    permissionSetRefs: string[];
    grants: Grant[];
  }
  | { kind: "worker"; workerId: number };

export interface ApiEnv {
  Variables: { deps: ApiDeps; caller: Caller };
}
