import { readdirSync, readFileSync } from "node:fs";

/** Ids of all processes that can be seen; empty where there is no /proc. */
export function listPids(): number[] {
  try {
    return readdirSync("/proc").flatMap((name) => {
      const pid = Number(name);
      return Number.isInteger(pid) ? [pid] : [];
    });
  } catch {
    return [];
  }
}

/** Variables a process was started with; null when it is gone or somebody else's. None while it is in the middle of an exec. */
export function readEnviron(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/environ`, "utf8");
    return text === "" ? [] : text.split("\0");
  } catch {
    return null;
  }
}

export interface ProcStat {
  parent: number;
  /** Clock ticks after boot; with the pid it names a process for ever. */
  startTime: string;
  zombie: boolean;
}

/** Null when the process is gone. */
export function readStat(pid: number): ProcStat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in parentheses may hold blanks and parentheses.
    const [state, parent, ...rest] = text.slice(text.lastIndexOf(")") + 2)
      .split(" ");
    return {
      parent: Number(parent),
      startTime: rest[17]!,
      zombie: state === "Z" || state === "X",
    };
  } catch {
    return null;
  }
}

/** This process and all above it. */
export function ownLine(pid: number = Deno.pid): Set<number> {
  const line = new Set<number>();
  for (let at = pid; at > 0 && !line.has(at);) {
    line.add(at);
    at = readStat(at)?.parent ?? 0;
  }
  return line;
}
