import { out } from "../cli/terminal.ts";
import { loadConfig } from "../config.ts";
import { migrate } from "../db/migrate.ts";
import { openDatabase } from "./wire_database.ts";

/** `attune migrate` */
export async function runMigrate(): Promise<void> {
  const { config } = loadConfig({ env: Deno.env.toObject(), cwd: Deno.cwd() });
  await using stack = new AsyncDisposableStack();
  const db = await openDatabase(config, { role: "migration", stack });
  const applied = await migrate(db);
  const text = applied.length === 0
    ? "The schema is up to date"
    : `Applied ${applied.map((m) => m.name).join(", ")}`;
  await out(`${text}\n`);
}
