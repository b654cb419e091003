import { dirname } from "node:path";

/** Actions that do nothing, in the forms whose cost is compared with the raw spawn. */
export interface BenchAction {
  ref: string;
  /** The same process, for the raw spawner. */
  argv: string[];
  /** Executions per round at 1, 8 and 32 at a time. */
  counts: Record<number, number>;
}

const MANY = { 1: 300, 8: 1200, 32: 2400 };
const FEWER = { 1: 200, 8: 800, 32: 1600 };
const FEW = { 1: 60, 8: 200, 32: 240 };

export interface BenchPack {
  path: string;
  actions: BenchAction[];
  /** For the agents, so that they find the interpreters that the raw spawner starts. */
  searchPath: string;
}

/** Writes the pack `bench` below `dir` and says what is in it. */
export async function writeBenchPack(dir: string): Promise<BenchPack> {
  const path = `${dir}/bench`;
  const actions = `${path}/actions`;
  await Deno.mkdir(actions, { recursive: true });
  await Deno.writeTextFile(
    `${path}/pack.yaml`,
    'ref: bench\nversion: "1.0.0"\n',
  );
  await Deno.copyFile("/bin/true", `${actions}/true`);
  await Deno.chmod(`${actions}/true`, 0o755);
  await Deno.writeTextFile(`${actions}/nothing.sh`, ":\n");
  await Deno.writeTextFile(`${actions}/nothing.py`, "pass\n");
  const action = (name: string, runner: string, file: string) =>
    Deno.writeTextFile(
      `${actions}/${name}.yaml`,
      `ref: bench.${name}\nrunner_type: ${runner}\nentry_point: "${file}"\n`,
    );
  await action("true", "native", "true");
  await action("sh", "shell", "nothing.sh");
  await action("python3", "python", "nothing.py");
  const python = await realPython();
  return {
    path,
    searchPath: `${dirname(python)}:${Deno.env.get("PATH") ?? ""}`,
    actions: [
      { ref: "bench.true", argv: ["/bin/true"], counts: MANY },
      {
        ref: "bench.sh",
        argv: ["/bin/bash", `${actions}/nothing.sh`],
        counts: FEWER,
      },
      {
        ref: "bench.python3",
        argv: [python, "-u", `${actions}/nothing.py`],
        counts: FEW,
      },
    ],
  };
}

/** The interpreter itself, not a version manager's shim. */
async function realPython(): Promise<string> {
  const { stdout } = await new Deno.Command("python3", {
    args: ["-c", "import sys; print(sys.executable)"],
  }).output();
  return new TextDecoder().decode(stdout).trim();
}
