/**
 * Command lines of the living processes that an execution of the stack at
 * `url` started, whatever group or session they moved to.
 */
export async function processesOf(url: string, id: number): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    try {
      const environ = (await Deno.readTextFile(`/proc/${entry.name}/environ`))
        .split("\0");
      if (
        !environ.includes(`ATTUNE_EXEC_ID=${id}`) ||
        !environ.includes(`ATTUNE_API_URL=${url}`)
      ) continue;
      const line = await Deno.readTextFile(`/proc/${entry.name}/cmdline`);
      found.push(line.split("\0").join(" ").trim());
    } catch {
      // It ended while we looked, or is not ours to read.
    }
  }
  return found;
}
