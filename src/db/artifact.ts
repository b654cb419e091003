import type { LogStream } from "../domain/agent_protocol.ts";
import type { Json } from "../domain/json.ts";
import type { Db, Queryable } from "./connect.ts";

export interface ArtifactSummaryRow {
  id: number;
  ref: string;
  type: string;
  visibility: "public" | "private";
  name: string | null;
  content_type: string | null;
  size_bytes: number | null;
  scope: string;
  owner: string;
  created: string;
  updated: string;
}

export interface ArtifactRow extends ArtifactSummaryRow {
  retention_policy: string;
  retention_limit: number;
  description: string | null;
  data: Json;
}

export interface VersionSummaryRow {
  id: number;
  version: number;
  execution: number | null;
  content_type: string | null;
  size_bytes: number | null;
  file_path: string | null;
  created_by: string | null;
  created: string;
}

export interface VersionRow extends VersionSummaryRow {
  artifact: number;
  content_json: Json;
  meta: Json;
  /** Set when the bytes are the log of `execution`. */
  log_stream: LogStream | null;
}

/** Whose eyes look: decides which artifacts exist for a caller (api.md 2.7). */
export interface ArtifactReader {
  identity: number;
  /** Holds `artifacts:read`. */
  artifacts: boolean;
  /** Holds `packs:read`. */
  packs: boolean;
}

/** Absent = any. */
export interface ArtifactFilter {
  scope?: string | undefined;
  owner?: string | undefined;
  type?: string | undefined;
  visibility?: string | undefined;
  /** Has a version of that execution. */
  execution?: number | undefined;
  /** Case-insensitive part of the name. */
  name?: string | undefined;
}

function summaryColumns(sql: Queryable) {
  return sql`a.id, a.ref, a.type, a.visibility, a.name, a.content_type, a.size_bytes, a.scope,
    a.owner, a.created, a.updated`;
}

function versionSummaryColumns(sql: Queryable) {
  return sql`v.id, v.version, v.execution, v.content_type, v.size_bytes, v.file_path,
    v.created_by, v.created`;
}

/** True for artifacts the reader may see; the table's alias is `a`. */
function visible(sql: Queryable, reader: ArtifactReader) {
  return sql`(
    (a.visibility = 'public' and ${reader.artifacts}::boolean)
    or (a.scope = 'identity' and a.owner = ${String(reader.identity)})
    or (a.scope in ('pack', 'action', 'sensor') and coalesce((
      select k.is_standard or (${reader.packs}::boolean
        and (k.owner_identity is null or k.owner_identity = ${reader.identity}))
      from pack k where k.ref = split_part(a.owner, '.', 1)), ${reader.packs}::boolean)))`;
}

function where(sql: Db, reader: ArtifactReader, filter: ArtifactFilter) {
  const conditions = [
    filter.scope !== undefined && sql`and a.scope = ${filter.scope}`,
    filter.owner !== undefined && sql`and a.owner = ${filter.owner}`,
    filter.type !== undefined && sql`and a.type = ${filter.type}`,
    filter.visibility !== undefined &&
    sql`and a.visibility = ${filter.visibility}`,
    filter.execution !== undefined &&
    sql`and exists (select from artifact_version v
      where v.artifact = a.id and v.execution = ${filter.execution})`,
    filter.name !== undefined &&
    sql`and strpos(lower(a.name), lower(${filter.name})) > 0`,
  ].filter((condition) => typeof condition === "object");
  return conditions.reduce(
    (all, condition) => sql`${all} ${condition}`,
    sql`where ${visible(sql, reader)}`,
  );
}

/** Newest first. */
export function listArtifacts(
  sql: Db,
  { reader, filter, limit, offset }: {
    reader: ArtifactReader;
    filter: ArtifactFilter;
    limit: number;
    offset: number;
  },
): Promise<ArtifactSummaryRow[]> {
  return sql<ArtifactSummaryRow[]>`
    select ${summaryColumns(sql)} from artifact a ${where(sql, reader, filter)}
    order by a.created desc, a.id desc limit ${limit} offset ${offset}`;
}

/** How many rows {@linkcode listArtifacts} has in all. */
export async function countArtifacts(
  sql: Db,
  { reader, filter }: { reader: ArtifactReader; filter: ArtifactFilter },
): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*) from artifact a ${where(sql, reader, filter)}`;
  return row!.count;
}

/** Undefined when it does not exist or the reader may not see it. */
export async function findArtifact(
  sql: Db,
  by: { id: number } | { ref: string },
  reader: ArtifactReader,
): Promise<ArtifactRow | undefined> {
  const [row] = await sql<ArtifactRow[]>`
    select ${
    summaryColumns(sql)
  }, a.retention_policy, a.retention_limit, a.description, a.data
    from artifact a
    where ${"id" in by ? sql`a.id = ${by.id}` : sql`a.ref = ${by.ref}`}
      and ${visible(sql, reader)}`;
  return row;
}

/** Highest version first. */
export function listVersions(
  sql: Db,
  artifact: number,
): Promise<VersionSummaryRow[]> {
  return sql<VersionSummaryRow[]>`
    select ${versionSummaryColumns(sql)} from artifact_version v
    where v.artifact = ${artifact} order by v.version desc`;
}

/** One version, or the highest. */
export async function findVersion(
  sql: Db,
  artifact: number,
  version: number | "latest",
): Promise<VersionRow | undefined> {
  const [row] = await sql<VersionRow[]>`
    select ${
    versionSummaryColumns(sql)
  }, v.artifact, v.content_json, v.meta, v.log_stream
    from artifact_version v
    where v.artifact = ${artifact}
      ${version === "latest" ? sql`` : sql`and v.version = ${version}`}
    order by v.version desc limit 1`;
  return row;
}

export interface NewFileVersion {
  ref: string;
  /** Of the action; the artifact belongs to it. */
  action_ref: string;
  type: "file_text" | "file_binary" | "file_image" | "file_datatable";
  name: string;
  content_type: string;
  size_bytes: number;
  execution: number;
  retention_policy: string;
  retention_limit: number;
  /** Path below the artifacts directory of a version number. */
  file_path: (version: number) => string;
}

/**
 * Adds a version that holds a file, and the artifact when it is new; inside a
 * transaction, so that two at once get two numbers. An execution that sends
 * the same artifact again replaces its own version.
 */
export async function putFileVersion(
  sql: Queryable,
  file: NewFileVersion,
): Promise<{ version: number; file_path: string }> {
  const [artifact] = await sql<{ id: number; last_version: number }[]>`
    insert into artifact (ref, scope, owner, type, visibility, name, content_type, size_bytes,
      retention_policy, retention_limit)
    values (${file.ref}, 'action', ${file.action_ref}, ${file.type}, 'private', ${file.name},
      ${file.content_type}, ${file.size_bytes}, ${file.retention_policy}, ${file.retention_limit})
    on conflict (ref) do update set content_type = excluded.content_type,
      size_bytes = excluded.size_bytes, updated = now()
    returning id, last_version`;
  const { id, last_version } = artifact!;
  const [own] = await sql<{ version: number }[]>`
    select version from artifact_version
    where artifact = ${id} and execution = ${file.execution}`;
  const version = own?.version ?? last_version + 1;
  const path = file.file_path(version);
  if (own === undefined) {
    await sql`update artifact set last_version = ${version} where id = ${id}`;
  }
  await sql`
    insert into artifact_version (artifact, version, execution, content_type, size_bytes,
      file_path, created_by)
    values (${id}, ${version}, ${file.execution}, ${file.content_type}, ${file.size_bytes},
      ${path}, ${"execution:" + file.execution})
    on conflict (artifact, version) do update set content_type = excluded.content_type,
      size_bytes = excluded.size_bytes, created = now()`;
  return { version, file_path: path };
}
