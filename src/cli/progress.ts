import { colorsFor, err, out } from "./terminal.ts";
import type { Execution } from "./wire.ts";

/** What a person sees while an action runs. Nothing of it when standard error is no terminal. */
export interface Progress extends Disposable {
  stdout(text: string): Promise<void>;
  stderr(text: string): Promise<void>;
  state(text: string): void;
  /** A line that stays, on a terminal only. */
  note(text: string): Promise<void>;
  /** A line that everybody gets. */
  line(text: string): Promise<void>;
}

const CLEAR = "\r\x1b[2K";
const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 100;

/** The line stands below the output, and steps aside for it. */
export function showProgress(): Progress {
  if (!Deno.stderr.isTerminal()) return plainProgress();
  const colors = colorsFor(Deno.stderr);
  const began = Date.now();
  let state = "requested";
  let frame = 0;
  let visible = false;
  // Output that ended within a line keeps the cursor there: nothing may be drawn over it.
  let atLineStart = true;

  function draw() {
    if (!atLineStart) return;
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    const sign = FRAMES[frame++ % FRAMES.length];
    write(`${CLEAR}${colors.dim(`${sign} ${state} ${seconds} s`)}`);
    visible = true;
  }
  function clear() {
    if (visible) write(CLEAR);
    visible = false;
  }
  async function pass(
    text: string,
    to: typeof out,
    isTerminal: boolean,
  ): Promise<void> {
    if (text === "") return;
    if (isTerminal) clear();
    await to(text);
    if (isTerminal) atLineStart = text.endsWith("\n");
  }
  const timer = setInterval(draw, FRAME_MS);
  return {
    stdout: (text) => pass(text, out, Deno.stdout.isTerminal()),
    stderr: (text) => pass(text, err, true),
    state: (text) => {
      state = text;
    },
    note: (text) =>
      pass(`${atLineStart ? "" : "\n"}${colors.dim(text)}\n`, err, true),
    line: (text) => pass(`${atLineStart ? "" : "\n"}${text}\n`, err, true),
    [Symbol.dispose]() {
      clearInterval(timer);
      clear();
    },
  };
}

function plainProgress(): Progress {
  let atLineStart = true;
  return {
    stdout: out,
    stderr: (text) => {
      if (text !== "") atLineStart = text.endsWith("\n");
      return err(text);
    },
    state: () => {},
    note: () => Promise.resolve(),
    line: (text) => err(`${atLineStart ? "" : "\n"}${text}\n`),
    [Symbol.dispose]: () => {},
  };
}

function write(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}

/** One line about how an execution ended: `execution 12 failed (timed_out): ...`. */
export function endLine({ id, status, reason, result }: Execution): string {
  const why = reason === null || reason === status ? "" : ` (${reason})`;
  const error = result.output_error?.message ?? result.error;
  const said = error === undefined ? "" : `: ${error.trimEnd()}`;
  return `execution ${id} ${status}${why}${said}`;
}
