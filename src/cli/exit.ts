/** Exit codes of every command; README has the table. */
export const EXIT = {
  ok: 0,
  /** The action did not succeed. */
  failed: 1,
  /** Wrong arguments or configuration. */
  usage: 2,
  /** The API cannot be reached, or failed itself. */
  unreachable: 3,
  /** The API refused: not logged in, no permission, no such thing. */
  refused: 4,
  /** Left by a second Ctrl-C. */
  interrupted: 130,
} as const;
export type ExitCode = typeof EXIT[keyof typeof EXIT];

/** Ends a command with a message for its user; `main.ts` prints it. */
export class CliError extends Error {
  override name = "CliError";
  constructor(readonly exitCode: ExitCode, message: string) {
    super(message);
  }
}

/** Arguments that cannot be used. */
export function usageError(message: string): CliError {
  return new CliError(EXIT.usage, message);
}
