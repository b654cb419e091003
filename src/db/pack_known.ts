import type { JsonObject } from "../domain/json.ts";
import type { Db } from "./connect.ts";

/** What a pack that is being loaded may refer to. */
export interface KnownRows {
  packs: { ref: string; version: string }[];
  runtimes: {
    ref: string;
    name: string;
    aliases: string[];
    file_extension: string | null;
  }[];
  triggers: { ref: string; schema: JsonObject | null }[];
  actions: { ref: string; schema: JsonObject | null }[];
  /** Null while no agent has registered. */
  offered: { name: string; versions: string[] }[] | null;
}

/** Everything outside the declared components of pack `packRef`. */
export async function readKnown(sql: Db, packRef: string): Promise<KnownRows> {
  const [packs, runtimes, triggers, actions, [fleet]] = await Promise.all([
    sql<KnownRows["packs"]>`select ref, version from pack`,
    sql<KnownRows["runtimes"]>`
      select ref, name, aliases,
        '.' || ltrim(coalesce(execution_config #>> '{interpreter,file_extension}',
          execution_config ->> 'file_extension'), '.') as file_extension
      from runtime where is_adhoc or pack_ref is distinct from ${packRef} order by ref`,
    sql<KnownRows["triggers"]>`
      select ref, param_schema as schema from trigger
      where is_adhoc or pack_ref is distinct from ${packRef}`,
    sql<KnownRows["actions"]>`
      select ref, param_schema as schema from action
      where is_adhoc or pack_ref <> ${packRef}`,
    sql<{ offered: KnownRows["offered"] }[]>`
      select json_agg(json_build_object('name', name, 'versions', versions)) as offered
      from (
        select r.name, coalesce(array_agg(distinct v.version) filter (where v.version is not null), '{}') as versions
        from worker w
        cross join jsonb_array_elements_text(w.capabilities -> 'runtimes') as r (name)
        left join lateral jsonb_array_elements_text(
          w.capabilities -> 'runtime_versions' -> r.name) as v (version) on true
        group by r.name) known`,
  ]);
  const offered = fleet?.offered ?? null;
  return { packs, runtimes, triggers, actions, offered };
}
