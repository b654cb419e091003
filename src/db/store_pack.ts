import type { LoadReport, Pack, PackFault, PackRule } from "../domain/pack.ts";
import type { Db, Queryable } from "./connect.ts";
import { existingRows, removeVanished } from "./pack_store/existing.ts";
import { lockPack, storePackRow } from "./pack_store/pack_row.ts";
import { storeRuntimeVersions } from "./pack_store/runtime_versions.ts";
import { linkTriggers } from "./pack_store/sensor_links.ts";
import {
  type StoredTable,
  upsertRows,
  type WantedRow,
} from "./pack_store/upsert.ts";
import {
  actionRow,
  type Owner,
  permissionSetRow,
  ruleRow,
  runtimeRow,
  sensorRow,
  triggerRow,
} from "./pack_store/wanted.ts";

/** The pack was to be new, and is there. */
export class PackExists extends Error {
  override name = "PackExists";
}

export interface StorePackOptions {
  /** SHA-256 of the tree. */
  contentHash: string;
  /**
   * Moves the new tree into place; runs last, before the commit. When it
   * throws, nothing is stored. It must not use the database.
   */
  inPlace: () => Promise<void>;
  /** Throws {@linkcode PackExists} rather than replace a pack. */
  onlyNew?: boolean;
  /** What the reading of the files already found; begins the report's list. */
  warnings?: readonly PackFault[];
}

/**
 * Stores one load of a pack in one transaction (packs.md 1.3): rows keep
 * their ids by ref, declared rows without a file go, ad-hoc rows stay. The
 * report names only rows that changed. Loads of the same pack wait for each other.
 */
export function storePack(
  sql: Db,
  pack: Pack,
  { contentHash, inPlace, onlyNew = false, warnings = [] }: StorePackOptions,
): Promise<LoadReport> {
  return sql.begin(async (sql) => {
    await lockPack(sql, pack.ref);
    if (onlyNew) {
      const [found] = await sql`select from pack where ref = ${pack.ref}`;
      if (found !== undefined) throw new PackExists(pack.ref);
    }
    const owner: Owner = {
      id: await storePackRow(sql, pack, contentHash),
      ref: pack.ref,
    };
    const report: LoadReport = {
      pack_ref: pack.ref,
      version: pack.version,
      created: [],
      updated: [],
      removed: [],
      skipped: [...pack.skipped_refs],
      warnings: [...warnings],
    };
    const store = <T extends Declared>(
      table: StoredTable,
      components: readonly T[],
      toRow: (component: T, owner: Owner) => WantedRow,
    ) => storeKind(sql, { table, components, toRow, owner, report });

    await store("permission_set", pack.permission_sets, permissionSetRow);
    await store("runtime", pack.runtimes, runtimeRow);
    const changed = await storeRuntimeVersions(sql, pack.runtimes);
    for (const ref of changed) {
      const known = [...report.created, ...report.updated];
      if (!known.includes(ref)) report.updated.push(ref);
    }
    await store("trigger", pack.triggers, triggerRow);
    await store("action", pack.actions, actionRow);
    const rules = await usableRules(sql, pack, owner, report);
    await store("rule", rules, ruleRow);
    await store("sensor", pack.sensors, sensorRow);
    report.warnings.push(
      ...await linkTriggers(sql, owner.id, pack.sensors, pack.skipped_refs),
    );
    await removeAllVanished(sql, pack, owner, report);
    await inPlace();
    return report;
  }) as Promise<LoadReport>;
}

interface Declared {
  ref: string;
  file: string;
  enabled?: boolean | undefined;
}

interface StoreKind<T> {
  table: StoredTable;
  components: readonly T[];
  toRow: (component: T, owner: Owner) => WantedRow;
  owner: Owner;
  report: LoadReport;
}

async function storeKind<T extends Declared>(
  sql: Queryable,
  { table, components, toRow, owner, report }: StoreKind<T>,
): Promise<void> {
  const refs = components.map((component) => component.ref);
  const existing = await existingRows(sql, table, owner.id, refs);
  const rows = components.map((component) => {
    const row = toRow(component, owner);
    const old = existing.get(component.ref);
    if (old === undefined) return row;
    if (old.is_adhoc || old.pack !== owner.id) {
      report.warnings.push({
        file: component.file,
        line: 1,
        key: "ref",
        message:
          `${table} '${component.ref}', made through the API, now belongs to this file`,
      });
    }
    // What an operator switched stays, unless the file says.
    const keeps = old.enabled !== undefined && component.enabled === undefined;
    return keeps ? { ...row, enabled: old.enabled } : row;
  });
  for (const { ref, created } of await upsertRows(sql, table, rows)) {
    (created ? report.created : report.updated).push(ref);
  }
}

/** Leaves out the rules whose trigger or action will not be there after this load. */
async function usableRules(
  sql: Queryable,
  pack: Pack,
  owner: Owner,
  report: LoadReport,
): Promise<PackRule[]> {
  const remaining = (
    table: "trigger" | "action",
    declared: readonly Declared[],
    wanted: string[],
  ) =>
    sql<{ ref: string }[]>`
      select ref from ${sql(table)}
      where ref = any(${wanted}::text[])
        and (pack is distinct from ${owner.id} or is_adhoc
          or ref = any(${keptRefs(pack, declared)}::text[]))`;
  const [triggers, actions] = await Promise.all([
    remaining("trigger", pack.triggers, pack.rules.map((r) => r.trigger_ref)),
    remaining("action", pack.actions, pack.rules.map((r) => r.action_ref)),
  ]);
  const known = {
    trigger: new Set(triggers.map((row) => row.ref)),
    action: new Set(actions.map((row) => row.ref)),
  };
  return pack.rules.filter((rule) => {
    const missing = (["trigger", "action"] as const).filter((kind) =>
      !known[kind].has(rule[`${kind}_ref`])
    );
    for (const kind of missing) {
      report.warnings.push({
        file: rule.file,
        line: 1,
        key: `${kind}_ref`,
        message: `rule '${rule.ref}' is left out as ${kind} '${
          rule[`${kind}_ref`]
        }' does not exist`,
      });
    }
    if (missing.length > 0) report.skipped.push(rule.ref);
    return missing.length === 0;
  });
}

async function removeAllVanished(
  sql: Queryable,
  pack: Pack,
  owner: Owner,
  report: LoadReport,
): Promise<void> {
  const kinds: [StoredTable, readonly Declared[]][] = [
    ["rule", pack.rules],
    ["sensor", pack.sensors],
    ["action", pack.actions],
    ["trigger", pack.triggers],
    ["runtime", pack.runtimes],
    ["permission_set", pack.permission_sets],
  ];
  for (const [table, declared] of kinds) {
    const kept = keptRefs(pack, declared);
    // deno-lint-ignore no-await-in-loop -- one connection
    const gone = await removeVanished(sql, table, owner.id, kept);
    report.removed.push(...gone);
  }
}

/** Refs whose rows stay: declared, or of files left out this time. */
function keptRefs(pack: Pack, declared: readonly Declared[]): string[] {
  return [...declared.map(({ ref }) => ref), ...pack.skipped_refs];
}
