import { Buffer } from "node:buffer";
import type { LogStream } from "../domain/agent_protocol.ts";
import type { Db, Queryable } from "./connect.ts";

/** Bytes of an attempt's stream from `offset` on. */
export interface LogPiece {
  execution: number;
  attempt: number;
  stream: LogStream;
  offset: number;
  data: Uint8Array;
}

/** What became of the pieces of one stream. */
export interface LogAppended {
  execution: number;
  attempt: number;
  stream: LogStream;
  /** False: the lease does not hold, nothing was stored. */
  held: boolean;
  /** Bytes missing before the pieces: they were not stored, go on at this offset. */
  gap: number | null;
}

const PIECE_BYTES = 64 * 1024;

/**
 * Stores pieces of streams, each attempt under the lease that `leases` names.
 * Bytes already stored are skipped, so that repeating is harmless; pieces that
 * would leave a gap are not stored. One statement.
 */
export async function appendLogs(
  sql: Queryable,
  { worker, pieces, leases }: {
    worker: number;
    pieces: readonly LogPiece[];
    /** Lease tokens by `<execution>.<attempt>`. */
    leases: ReadonlyMap<string, string>;
  },
): Promise<LogAppended[]> {
  const runs = joinPieces(pieces);
  if (runs.length === 0) return [];
  return await sql<LogAppended[]>`
    with piece as (
      select t.*, decode(t.data64, 'base64') as data
      from unnest(
        ${runs.map((r) => r.execution)}::bigint[], ${
    runs.map((r) => r.attempt)
  }::int[],
        ${
    runs.map((r) => leases.get(`${r.execution}.${r.attempt}`) ?? null)
  }::uuid[],
        ${runs.map((r) => r.stream)}::text[], ${
    runs.map((r) => r.first)
  }::bigint[],
        ${runs.map((r) => r.offset)}::bigint[],
        ${runs.map((r) => Buffer.from(r.data).toString("base64"))}::text[]
      ) as t(execution, attempt, lease, stream, first, start, data64)
    ), target as (
      select distinct p.execution, p.attempt, p.stream, e.id is not null as held,
        coalesce((
          select l.start_offset + length(l.data) from execution_log l
          where l.execution = p.execution and l.attempt = p.attempt and l.stream = p.stream
          order by l.start_offset desc limit 1
        ), 0) as stored
      from piece p left join execution e on e.id = p.execution and e.attempt = p.attempt
        and e.worker = ${worker} and e.lease_token = p.lease and e.lease_until > now()
        and e.status in ('running', 'canceling')
    ), stored as (
      insert into execution_log (execution, attempt, stream, start_offset, data)
      select p.execution, p.attempt, p.stream, greatest(p.start, t.stored),
        substring(p.data from (greatest(t.stored - p.start, 0) + 1)::int)
      from piece p join target t using (execution, attempt, stream)
      where t.held and p.first <= t.stored and p.start + length(p.data) > t.stored
      on conflict do nothing
    )
    select distinct p.execution, p.attempt, p.stream, t.held,
      case when p.first > t.stored then t.stored end as gap
    from piece p join target t using (execution, attempt, stream)`;
}

/** The same bytes as pieces of at most 64 KiB that follow each other; `first` is where their unbroken run begins. */
function joinPieces(
  pieces: readonly LogPiece[],
): (LogPiece & { first: number })[] {
  const joined: (LogPiece & { first: number })[] = [];
  const ends = new Map<string, { first: number; end: number }>();
  const ordered = pieces.toSorted((a, b) => a.offset - b.offset);
  for (const piece of ordered) {
    const key = `${piece.execution}.${piece.attempt}.${piece.stream}`;
    const run = ends.get(key);
    const broken = run === undefined || piece.offset > run.end;
    const first = broken ? piece.offset : run.first;
    let offset = broken ? piece.offset : run.end;
    const end = piece.offset + piece.data.length;
    for (; offset < end; offset += PIECE_BYTES) {
      const from = offset - piece.offset;
      joined.push({
        ...piece,
        offset,
        first,
        data: piece.data.subarray(from, from + PIECE_BYTES),
      });
    }
    ends.set(key, { first, end: Math.max(end, run?.end ?? 0) });
  }
  return joined;
}

export interface LogRange {
  execution: number;
  attempt: number;
  stream: LogStream;
  /** First byte wanted. */
  from: number;
}

/**
 * The next bytes of a stream, a few pieces at most; `offset` is that of the
 * first byte. Empty data: there is nothing after `from` yet.
 */
export async function readLog(
  sql: Db,
  { execution, attempt, stream, from }: LogRange,
): Promise<{ offset: number; data: Uint8Array }> {
  const rows = await sql<{ start_offset: number; data: Uint8Array }[]>`
    select start_offset, data from execution_log
    where execution = ${execution} and attempt = ${attempt} and stream = ${stream}
      and start_offset >= coalesce((
        select max(start_offset) from execution_log
        where execution = ${execution} and attempt = ${attempt} and stream = ${stream}
          and start_offset <= ${from}), 0)
      and start_offset + length(data) > ${from}
    order by start_offset limit 8`;
  const parts: Uint8Array[] = [];
  let end = Math.max(from, rows[0]?.start_offset ?? from);
  const offset = end;
  for (const row of rows) {
    if (row.start_offset > end) break;
    parts.push(row.data.subarray(end - row.start_offset));
    end = Math.max(end, row.start_offset + row.data.length);
  }
  return { offset, data: Buffer.concat(parts) };
}

/** The last attempt that wrote to a stream; undefined when nothing of it is kept. */
export async function findLogAttempt(
  sql: Db,
  { execution, stream }: Pick<LogRange, "execution" | "stream">,
): Promise<number | undefined> {
  const [row] = await sql<{ attempt: number }[]>`
    select attempt from execution_log
    where execution = ${execution} and stream = ${stream}
    order by attempt desc limit 1`;
  return row?.attempt;
}
