import type { PackFault } from "../domain/pack.ts";

/** More faults than this in one file help nobody. */
const MOST = 100;

/** A message as it is shown: `mypack/actions/deploy.yaml:9: unknown key 'timout'`. */
function fault(
  at: { file: string; line: number; key?: string },
  text: string,
): PackFault {
  const { file, line } = at;
  return {
    file,
    line,
    key: at.key || null,
    message: `${file}:${line}: ${text}`,
  };
}

/** What is wrong with one file, collected while it is read. */
export class FileReport {
  readonly errors: PackFault[] = [];
  readonly warnings: PackFault[] = [];

  constructor(readonly file: string) {}

  error(line: number, key: string, text: string): void {
    add(this.errors, { file: this.file, line, key }, text);
  }

  warn(line: number, key: string, text: string): void {
    add(this.warnings, { file: this.file, line, key }, text);
  }

  /** True once a list is full: whoever looks for more may stop. */
  get full(): boolean {
    return this.errors.length > MOST || this.warnings.length > MOST;
  }
}

function add(
  list: PackFault[],
  at: { file: string; line: number; key: string },
  text: string,
): void {
  if (list.length > MOST) return;
  const last = list.length === MOST;
  list.push(fault(at, last ? "more faults in this file are not shown" : text));
}

/** A value as a message shows it: short JSON. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
