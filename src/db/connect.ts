import postgres from "postgres";

/** A pool of connections; `sql` in every statement function. Closed by {@linkcode closeDb}. */
export type Db = postgres.Sql<{ bigint: number; timestamp: string }>;
/** A pool or one open transaction. */
export type Queryable =
  | Db
  | postgres.TransactionSql<
    { bigint: number; timestamp: string }
  >;

export interface DbOptions {
  /** `postgres://user:password@host:port/name`. */
  url: string;
  /** Most connections at once. */
  max?: number;
  applicationName?: string;
}

/**
 * Opens a pool; the first statement connects. Ids (int8) arrive as numbers,
 * timestamps as text in the API's form: UTC, six fractional digits, `+00:00`.
 */
export function connectDb(
  { url, max = 10, applicationName = "attune" }: DbOptions,
): Db {
  return postgres(url, {
    max,
    onnotice: () => {},
    connection: { application_name: applicationName, TimeZone: "UTC" },
    types: {
      bigint: { to: 20, from: [20], serialize: String, parse: Number },
      timestamp: {
        to: 1184,
        from: [1184],
        serialize: (value: string) => value,
        parse: toApiTimestamp,
      },
    },
  }) as unknown as Db;
}

/** Ends the pool; statements under way get 5 s. Twice is harmless. */
export async function closeDb(sql: Db): Promise<void> {
  await sql.end({ timeout: 5 });
}

/** `2026-03-01 10:00:00.1+00` -> `2026-03-01T10:00:00.100000+00:00`. */
export function toApiTimestamp(text: string): string {
  const match = /^(\S+) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(text);
  if (match === null) return text;
  const [, day, time, fraction = ""] = match;
  return `${day}T${time}.${fraction.padEnd(6, "0")}+00:00`;
}
