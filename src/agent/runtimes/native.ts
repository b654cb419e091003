import { Refused, type Runtime } from "./runtime.ts";

/** `e_machine` of an ELF file, by the architecture this agent was built for. */
const MACHINES: Record<typeof Deno.build.arch, number> = {
  x86_64: 62,
  aarch64: 183,
};
const NAMES: Record<number, string> = {
  3: "x86",
  40: "arm",
  62: "x86_64",
  183: "aarch64",
  243: "riscv",
};

/** Files that run themselves: programs, and scripts with a `#!` line. */
export const native: Runtime = {
  name: "native",
  // deno-lint-ignore require-await -- what is wrong with the file rejects
  async command({ actionFile, spec }) {
    if (actionFile === null) {
      throw new Refused(
        "entry_point_missing",
        `The action ${spec.action_ref} has no file to run`,
      );
    }
    const info = Deno.statSync(actionFile);
    if (!info.isFile || ((info.mode ?? 0o111) & 0o111) === 0) {
      throw new Refused(
        "not_executable",
        `The entry point ${spec.entry_point} is not executable: run chmod +x on it and load the pack again, or give the action a runner_type`,
      );
    }
    const key =
      `${actionFile}:${info.ino}:${info.size}:${info.mtime?.getTime()}`;
    if (!startable.has(key)) {
      checkFormat(actionFile, spec.entry_point);
      if (startable.size >= KNOWN_MAX) startable.clear();
      startable.add(key);
    }
    return { argv: [actionFile] };
  },
};

/** Files whose head was good. */
const startable = new Set<string>();
const KNOWN_MAX = 10_000;

/** What a spawn would hand to a shell if the kernel cannot run it, is refused here. */
function checkFormat(file: string, name: string): void {
  const head = new Uint8Array(20);
  {
    using opened = openFor(file, name);
    const read = opened.readSync(head);
    if (read === null) throw unknownFormat(name, "it is empty");
  }
  if (head[0] === 0x23 && head[1] === 0x21) return;
  const isElf = head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c &&
    head[3] === 0x46;
  if (!isElf) {
    if (Deno.build.os !== "linux") return;
    throw unknownFormat(name, "it is neither a program nor begins with #!");
  }
  const little = head[5] === 1;
  const machine = little
    ? head[18]! | head[19]! << 8
    : head[19]! | head[18]! << 8;
  if (machine === MACHINES[Deno.build.arch]) return;
  throw unknownFormat(
    name,
    `it is a program for ${
      NAMES[machine] ?? `machine ${machine}`
    }, this agent runs on ${Deno.build.arch}`,
  );
}

function openFor(file: string, name: string): Deno.FsFile {
  try {
    return Deno.openSync(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    throw new Refused("spawn_failed", `The agent may not read ${name}`);
  }
}

function unknownFormat(name: string, why: string): Refused {
  return new Refused(
    "spawn_failed",
    `The entry point ${name} cannot be started: ${why}`,
  );
}
