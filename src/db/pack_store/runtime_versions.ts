import type { PackRuntime } from "../../domain/pack.ts";
import type { Queryable } from "../connect.ts";

/** Makes the versions of these runtimes what the files say. Returns the refs of runtimes that changed by it. */
export async function storeRuntimeVersions(
  sql: Queryable,
  runtimes: readonly PackRuntime[],
): Promise<string[]> {
  const versions = runtimes.flatMap((runtime) =>
    runtime.versions.map((version, position) => ({
      ref: runtime.ref,
      position,
      ...version,
    }))
  );
  const gone = await sql<{ ref: string }[]>`
    delete from runtime_version v using runtime r
    where r.id = v.runtime and r.ref = any(${
    runtimes.map((r) => r.ref)
  }::text[])
      and not exists (
        select from json_to_recordset(${
    JSON.stringify(versions)
  }::text::json) as w (ref text, version text)
        where w.ref = r.ref and w.version = v.version)
    returning r.ref`;
  const stored = await sql<{ runtime: number }[]>`
    insert into runtime_version as v (runtime, version, position, is_default, distributions, execution_config, meta)
    select r.id, w.version, w.position, w.is_default, w.distributions, w.execution_config, w.meta
    from json_to_recordset(${
    JSON.stringify(versions)
  }::text::json) as w (ref text, version text, position int,
      is_default boolean, distributions jsonb, execution_config json, meta jsonb)
    join runtime r on r.ref = w.ref
    on conflict (runtime, version) do update set
      position = excluded.position, is_default = excluded.is_default,
      distributions = excluded.distributions, execution_config = excluded.execution_config, meta = excluded.meta
      where row(v.position, v.is_default, v.distributions, v.execution_config, v.meta)::text
        is distinct from row(excluded.position, excluded.is_default, excluded.distributions,
          excluded.execution_config, excluded.meta)::text
    returning runtime`;
  const changed = await sql<{ ref: string }[]>`
    update runtime set updated = now()
    where id = any(${stored.map((row) => row.runtime)}::bigint[])
      or ref = any(${gone.map((row) => row.ref)}::text[])
    returning ref`;
  return changed.map((row) => row.ref);
}
