import type { RuntimeDescriptor } from "../domain/runtime.ts";
import type { Queryable } from "./connect.ts";

/** All runtimes with their versions, as agents need them to detect interpreters. */
export async function listRuntimeDescriptors(
  sql: Queryable,
): Promise<RuntimeDescriptor[]> {
  return await sql<RuntimeDescriptor[]>`
    select r.ref, r.name, r.aliases, r.distributions, r.execution_config, coalesce((
      select json_agg(json_build_object('version', v.version, 'is_default', v.is_default,
        'distributions', v.distributions, 'execution_config', v.execution_config, 'meta', v.meta)
        order by v.position, v.version)
      from runtime_version v where v.runtime = r.id), '[]') as versions
    from runtime r order by r.ref`;
}
