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
  /** `postgres://user:password@host:port/name`, or with `?host=/directory` of a Unix socket. */
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
  const { address, path } = splitSocket(url);
  return postgres(address, {
    ...(path !== undefined && { path }),
    max,
    onnotice: () => {},
    // Our statements are short: compiling one costs more than running it.
    connection: {
      application_name: applicationName,
      TimeZone: "UTC",
      jit: "off",
    },
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

/** postgres.js would take `?host=` for a server setting. */
function splitSocket(url: string): { address: string; path?: string } {
  const parsed = URL.parse(url);
  const directory = parsed?.searchParams.get("host");
  if (!parsed || !directory?.startsWith("/")) return { address: url };
  parsed.searchParams.delete("host");
  const path = `${directory}/.s.PGSQL.${parsed.port || "5432"}`;
  return { address: parsed.href, path };
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
