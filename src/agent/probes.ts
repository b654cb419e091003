/** How an interpreter is asked for its version (packs.md 5.2). */
export interface Probe {
  /** Canonical runtime name. */
  name: string;
  /** In this order; a path is taken as it is, a name is searched for. */
  binaries: readonly string[];
  args: readonly string[];
  /** Group 1 is the version. */
  pattern: RegExp;
  /** What answers otherwise is something else and does not count. */
  strict?: true;
  /** For binaries that cannot say their version: found when this exits with 0. */
  fallback?: { binaries: readonly string[]; args: readonly string[] };
}

const VERSION = ["--version"];

export const PROBES: readonly Probe[] = [
  {
    name: "shell",
    binaries: ["/bin/bash", "bash", "/bin/sh", "sh"],
    args: VERSION,
    pattern: /version (\d+\.\d+\.\d+)/,
    fallback: { binaries: ["/bin/sh", "sh"], args: ["-c", "exit 0"] },
  },
  {
    name: "python",
    binaries: ["python3", "python"],
    args: VERSION,
    pattern: /Python (3\.\d+\.\d+)/,
    strict: true,
  },
  {
    name: "node",
    binaries: ["node", "nodejs"],
    args: VERSION,
    pattern: /v(\d+\.\d+\.\d+)/,
  },
  {
    name: "ruby",
    binaries: ["ruby"],
    args: VERSION,
    pattern: /ruby (\d+\.\d+\.\d+)/,
  },
  {
    name: "go",
    binaries: ["go"],
    args: ["version"],
    pattern: /go(\d+\.\d+(?:\.\d+)?)/,
  },
  {
    name: "java",
    binaries: ["java"],
    args: ["-version"],
    pattern: /version "(\d+[0-9._]*)/,
  },
  {
    name: "perl",
    binaries: ["perl"],
    args: VERSION,
    pattern: /\(v(\d+\.\d+\.\d+)\)/,
  },
  {
    name: "r",
    binaries: ["Rscript", "R"],
    args: VERSION,
    pattern: /R.* version (\d+\.\d+\.\d+)/,
  },
];
