const SOURCE = new URL("./raw_spawn.c", import.meta.url).pathname;

/** A spawner of `count` processes, `width` at a time; resolves to processes per second. */
export type RawSpawn = (
  count: number,
  width: number,
  argv: string[],
) => Promise<number>;

/** Compiles the C baseline into `dir`. Throws when there is no C compiler. */
export async function buildRawSpawn(dir: string): Promise<RawSpawn> {
  const program = `${dir}/raw_spawn`;
  await run("cc", ["-O2", "-o", program, SOURCE]);
  return async (count, width, argv) => {
    const text = await run(program, [`${count}`, `${width}`, ...argv]);
    return count / Number(text.split(" ")[0]);
  };
}

async function run(command: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args })
    .output();
  if (code !== 0) {
    throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
  }
  return new TextDecoder().decode(stdout);
}
