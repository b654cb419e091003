import { type Config, loadConfig } from "../config.ts";
import type { Bus } from "../bus/bus.ts";
import type { Db } from "../db/connect.ts";
import { type Log, makeLog } from "../log.ts";
import { runRole } from "./run_role.ts";
import { openBus } from "./wire_bus.ts";
import { openDatabase, requireSchema } from "./wire_database.ts";

const GRACE_MS = 10_000;

interface Parts {
  config: Config;
  log: Log;
  db: Db;
  bus: Bus;
  stack: AsyncDisposableStack;
}

/** `attune api` */
export function runApi(): Promise<void> {
  return runServer("api", async ({ config, log, db, bus, stack }) => {
    const [{ openApi }, { agentBusAddress }] = await Promise.all([
      import("./wire_api.ts"),
      import("./wire_bus.ts"),
    ]);
    const agentBus = await agentBusAddress(config, log);
    const { url } = await openApi(config, { db, bus, agentBus, log }, stack);
    log.info("serving", { url });
  });
}

/** `attune scheduler` */
export function runScheduler(): Promise<void> {
  return runServer("scheduler", async ({ config, stack, ...parts }) => {
    const { openScheduler } = await import("./wire_scheduler.ts");
    await openScheduler(config, parts, stack);
  });
}

/** A role on the configured database and bus, until it is asked to stop. */
async function runServer(
  role: string,
  open: (parts: Parts) => Promise<void>,
): Promise<void> {
  const { config } = loadConfig({ env: Deno.env.toObject(), cwd: Deno.cwd() });
  const log = makeLog(config.log).child({ role });
  await runRole({
    graceMs: GRACE_MS,
    log,
    async open(stack) {
      const db = await openDatabase(config, { role, stack });
      await requireSchema(db);
      const bus = await openBus(config, { role, stack, log });
      await open({ config, log, db, bus, stack });
    },
  });
}
