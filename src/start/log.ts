import { join } from "node:path";
import { openLogFile } from "./log_file.ts";
import { type Log, type LogLevel, makeLog } from "../log.ts";

/** JSON of everything in `<home>/logs/attune.log`; on the terminal what needs a person, or all with `verbose`. */
export function openStartLog(
  { home, level, verbose }: {
    home: string;
    level: LogLevel;
    verbose: boolean;
  },
  stack: AsyncDisposableStack,
): Log {
  const file = stack.use(openLogFile(join(home, "logs", "attune.log")));
  return both(
    makeLog({ level, format: "json", write: (line) => file.write(line) }),
    makeLog({ level: verbose ? level : "warn", format: "text" }),
  );
}

function both(one: Log, other: Log): Log {
  return {
    debug: (message, fields) => {
      one.debug(message, fields);
      other.debug(message, fields);
    },
    info: (message, fields) => {
      one.info(message, fields);
      other.info(message, fields);
    },
    warn: (message, fields) => {
      one.warn(message, fields);
      other.warn(message, fields);
    },
    error: (message, fields) => {
      one.error(message, fields);
      other.error(message, fields);
    },
    child: (fields) => both(one.child(fields), other.child(fields)),
  };
}
