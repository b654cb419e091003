/**
 * Executions per second and POST-to-finished latency, beside the raw spawn
 * rate of the same machine in the same run. Writes a table to standard output
 * and JSON to bench-results/. `--quick` does a tenth; `embedded` or `servers`
 * as an argument does only that stack.
 */
import {
  serversMissing,
  type Stack,
  type StackOptions,
  startEmbedded,
  startOnServers,
} from "../tests/support/stack.ts";
import { type BenchPack, writeBenchPack } from "./bench/bench_pack.ts";
import { measure, type Round, watchFinishes } from "./bench/measure.ts";
import { buildRawSpawn, type RawSpawn } from "./bench/raw_spawn.ts";

interface Row extends Round {
  stack: string;
  action: string;
  width: number;
  rawPerSecond: number;
  ofRaw: number;
}

const HEAD =
  "action          at   per s   p50 ms   p99 ms    raw/s  of raw  ms to claim  to settled";
const quick = Deno.args.includes("--quick");
const only = Deno.args.find((a) => a === "embedded" || a === "servers");
const rows: Row[] = [];

const dir = await Deno.makeTempDir({ prefix: "attune-bench-" });
try {
  const raw = await buildRawSpawn(dir);
  const pack = await writeBenchPack(dir);
  if (only !== "servers") await bench("embedded", startEmbedded, pack, raw);
  const missing = serversMissing();
  if (missing !== undefined) print(`servers: left out, ${missing}`);
  else if (only !== "embedded") {
    await bench("servers", startOnServers, pack, raw);
  }
  await report();
} finally {
  await Deno.remove(dir, { recursive: true });
}

async function bench(
  name: string,
  open: (options: StackOptions) => Promise<Stack>,
  pack: BenchPack,
  raw: RawSpawn,
) {
  await using stack = await open({
    env: { PATH: pack.searchPath },
    durable: true,
  });
  print(`\n${name}: ${stack.servers}`);
  print(HEAD);
  await stack.client.call("POST", "/api/v1/packs/register", {
    path: pack.path,
  });
  await using finishes = await watchFinishes(stack.client);
  for (const { ref, argv, counts } of pack.actions) {
    const warm = { actionRef: ref, count: 40, width: 8 };
    // deno-lint-ignore no-await-in-loop -- one load at a time
    await measure(stack.client, finishes, warm);
    for (const [at, full] of Object.entries(counts)) {
      const width = Number(at);
      const count = quick ? Math.ceil(full / 10) : full;
      // deno-lint-ignore no-await-in-loop -- one load at a time
      const rawPerSecond = await raw(count, width, argv);
      const load = { actionRef: ref, count, width };
      // deno-lint-ignore no-await-in-loop -- one load at a time
      const round = await measure(stack.client, finishes, load);
      const ofRaw = round.perSecond / rawPerSecond;
      const row = { stack: name, action: ref, width, rawPerSecond, ofRaw };
      rows.push({ ...row, ...round });
      print(line(rows.at(-1)!));
    }
  }
}

function line(row: Row): string {
  return [
    row.action.padEnd(14),
    String(row.width).padStart(3),
    row.perSecond.toFixed(0).padStart(7),
    row.p50.toFixed(1).padStart(8),
    row.p99.toFixed(1).padStart(8),
    row.rawPerSecond.toFixed(0).padStart(8),
    row.ofRaw.toFixed(2).padStart(7),
    row.toStarted.toFixed(1).padStart(9),
    row.toFinished.toFixed(1).padStart(10),
  ].join(" ");
}

async function report() {
  await Deno.mkdir("bench-results", { recursive: true });
  const file = `bench-results/executions-${
    new Date().toISOString().replaceAll(":", "-")
  }.json`;
  await Deno.writeTextFile(file, JSON.stringify(rows, null, 2) + "\n");
  print(`\nwritten to ${file}`);
}

function print(text: string) {
  Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
}
