import type { Pack } from "../../domain/pack.ts";
import type { Queryable } from "../connect.ts";

/** One load or deletion of a pack at a time: the lock lasts as long as the transaction. */
export async function lockPack(sql: Queryable, ref: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('attune.pack'), hashtext(${ref}))`;
}

/**
 * Stores the pack's own row and returns its id. An existing one keeps its
 * configuration, its owner and what `enabled` and `is_standard` an operator gave it.
 */
export async function storePackRow(
  sql: Queryable,
  pack: Pack,
  contentHash: string,
): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    insert into pack as p (ref, label, description, version, author, email, enabled,
      is_standard, conf_schema, config, meta, tags, runtime_deps, dependencies, testing, content_hash)
    values (${pack.ref}, ${pack.label}, ${pack.description}, ${pack.version}, ${pack.author},
      ${pack.email}, ${pack.enabled ?? true}, ${pack.is_standard},
      ${JSON.stringify(pack.conf_schema)}::text::json, ${
    JSON.stringify(pack.config)
  }::text::json,
      ${JSON.stringify(pack.meta)}::text::jsonb, ${pack.tags}::text[],
      ${pack.runtime_deps}::text[], ${pack.dependencies}::text[],
      ${
    pack.testing && JSON.stringify(pack.testing)
  }::text::jsonb, ${contentHash})
    on conflict (ref) do update set
      label = excluded.label, description = excluded.description, version = excluded.version,
      author = excluded.author, email = excluded.email,
      enabled = coalesce(${pack.enabled ?? null}::boolean, p.enabled),
      is_standard = p.is_standard or excluded.is_standard,
      conf_schema = excluded.conf_schema, meta = excluded.meta, tags = excluded.tags,
      runtime_deps = excluded.runtime_deps, dependencies = excluded.dependencies,
      testing = excluded.testing, content_hash = excluded.content_hash, updated = now()
    returning id`;
  return row!.id;
}
