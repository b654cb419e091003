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
  async command({ actionFile, spec }) {
    if (actionFile === null) {
      throw new Refused(
        "entry_point_missing",
        `The action ${spec.action_ref} has no file to run`,
      );
    }
    const info = await Deno.stat(actionFile);
    if (!info.isFile || ((info.mode ?? 0o111) & 0o111) === 0) {
      throw new Refused(
        "not_executable",
        `The entry point ${spec.entry_point} is not executable: run chmod +x on it and load the pack again, or give the action a runner_type`,
      );
    }
    await checkFormat(actionFile, spec.entry_point);
    return { argv: [actionFile] };
  },
};

/** What a spawn would hand to a shell if the kernel cannot run it, is refused here. */
async function checkFormat(file: string, name: string): Promise<void> {
  const head = new Uint8Array(20);
  {
    using opened = await openFor(file, name);
    const read = await opened.read(head);
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

async function openFor(file: string, name: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(file);
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
