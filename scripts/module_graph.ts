/** Every module that `entry` loads, directly or not: file paths and `npm:` names. */
export async function modulesOf(entry: string): Promise<string[]> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  const graph: { modules: { specifier: string }[] } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  return graph.modules.map((m) => m.specifier.replace("file://", ""));
}
