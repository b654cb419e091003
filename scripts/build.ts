/**
 * Bundles both programs into dist/: `attune.js` (every role and the command
 * line) and `attune-agent.js`, which must contain neither the database driver
 * nor the API. Run them with `deno run -A dist/attune.js`.
 */
import { modulesOf } from "./module_graph.ts";

const PROGRAMS = [
  { entry: "src/main.ts", output: "dist/attune.js" },
  { entry: "src/agent/main.ts", output: "dist/attune-agent.js" },
];

await Deno.mkdir("dist", { recursive: true });
for (const { entry, output } of PROGRAMS) {
  // deno-lint-ignore no-await-in-loop -- one bundler at a time
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--platform", "deno", "--minify", "-o", output, entry],
    stderr: "piped",
  }).output();
  if (code !== 0) {
    print(new TextDecoder().decode(stderr));
    Deno.exit(1);
  }
  // deno-lint-ignore no-await-in-loop -- one bundler at a time
  const [modules, { size }] = await Promise.all([
    modulesOf(entry),
    Deno.stat(output),
  ]);
  print(`${output}: ${modules.length} modules, ${Math.round(size / 1024)} KiB`);
}

function print(text: string) {
  Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
}
