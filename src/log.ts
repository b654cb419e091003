/** One line per transition, with identity from a child logger. A job's output is data, never log. */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A logger that adds `fields` to every line. */
  child(fields: Fields): Log;
}
export type Fields = Record<string, unknown>;

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

export interface LogOptions {
  level: LogLevel;
  /** `json` for machines, `text` for a person at a terminal. */
  format: "json" | "text";
  /** Receives one line with its newline; standard error unless given. */
  write?: (line: string) => void;
}

const encoder = new TextEncoder();

function toStderr(line: string): void {
  Deno.stderr.writeSync(encoder.encode(line));
}

/** Makes a logger; lines under `level` cost one comparison. */
export function makeLog(options: LogOptions, bound: Fields = {}): Log {
  const { level, format, write = toStderr } = options;
  const least = LOG_LEVELS.indexOf(level);
  const render = format === "json" ? jsonLine : textLine;
  const at = (index: number) => (message: string, fields?: Fields) => {
    if (index < least) return;
    write(render(LOG_LEVELS[index]!, message, { ...bound, ...fields }));
  };
  return {
    debug: at(0),
    info: at(1),
    warn: at(2),
    error: at(3),
    child: (fields) => makeLog(options, { ...bound, ...fields }),
  };
}

/** Drops everything; for tests that do not look. */
export const silentLog: Log = makeLog({
  level: "error",
  format: "json",
  write: () => {},
});

function jsonLine(level: LogLevel, message: string, fields: Fields): string {
  const time = new Date().toISOString();
  return JSON.stringify({ time, level, message, ...fields }, plain) + "\n";
}

function textLine(level: LogLevel, message: string, fields: Fields): string {
  const time = new Date().toISOString().slice(11, 23);
  const tail = Object.entries(fields).map(([key, value]) => {
    const text = typeof value === "string"
      ? value
      : JSON.stringify(plain(key, value));
    return ` ${key}=${/[\s"]/.test(text) ? JSON.stringify(text) : text}`;
  });
  return `${time} ${level.toUpperCase().padEnd(5)} ${message}${
    tail.join("")
  }\n`;
}

function plain(_key: string, value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === "bigint") return String(value);
  if (value instanceof Error) return value.stack ?? value.message;
  return value;
}
