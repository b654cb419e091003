import type { Queryable } from "./connect.ts";

/**
 * The end of a `with` list: gives each row of the CTE `wrote` (execution,
 * action, action_ref, stream, size; size null = look it up) a version of the
 * log artifact of its action (packs.md 3.8). Numbers come from a counter in
 * the artifact's row, which the upsert locks, so two at once never collide.
 */
export function logVersions(sql: Queryable) {
  return sql`
    written as (
      select w.execution, w.action_ref, w.stream, w.action_ref || '.' || w.stream || '.log' as ref,
        coalesce(w.size, (
          select l.start_offset + length(l.data) from execution_log l
          where l.execution = w.execution and l.attempt = w.attempt and l.stream = w.stream
          order by l.start_offset desc limit 1)) as size,
        a.log_retention_policy as policy, a.log_retention_limit as policy_limit
      from wrote w
      left join action a on a.id = w.action
    ), per_artifact as (
      select ref, min(action_ref) as action_ref, count(*)::int as n, max(size) as size, min(policy) as policy,
        min(coalesce(policy_limit, case policy when 'versions' then 5 else 7 end)) as policy_limit
      from written group by ref
    ), numbered as (
      insert into artifact (ref, scope, owner, type, visibility, name, content_type, size_bytes,
        retention_policy, retention_limit, last_version)
      select ref, 'action', action_ref, 'file_text', 'private', ref, ${LOG_TYPE}, size,
        coalesce(policy, 'days'), policy_limit, n
      from per_artifact
      order by ref
      on conflict (ref) do update set size_bytes = excluded.size_bytes, updated = now(),
        last_version = excluded.last_version + greatest(artifact.last_version, coalesce((
          select max(v.version) from artifact_version v where v.artifact = artifact.id), 0))
      returning id, ref, last_version
    ), versions as (
      insert into artifact_version (artifact, version, execution, content_type, size_bytes, log_stream, created_by)
      select n.id, n.last_version - p.n + row_number() over (partition by w.ref order by w.execution),
        w.execution, ${LOG_TYPE}, w.size, w.stream, 'execution:' || w.execution
      from written w
      join per_artifact p on p.ref = w.ref
      join numbered n on n.ref = w.ref
    )`;
}

const LOG_TYPE = "text/plain; charset=utf-8";
