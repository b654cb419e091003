import assert from "node:assert/strict";
import { aborted } from "./lifecycle.ts";

const LIFECYCLE = new URL("./lifecycle.ts", import.meta.url).href;
const PROGRAM = `
  import { aborted, stopOnSignals } from ${JSON.stringify(LIFECYCLE)};
  const stop = stopOnSignals({ graceMs: Number(Deno.args[0]) });
  const alive = setInterval(() => {}, 1000);
  console.log("up");
  await aborted(stop.soft);
  console.log("soft " + stop.soft.reason.message);
  await aborted(stop.hard);
  console.log("hard " + stop.hard.reason.message);
  clearInterval(alive);
  stop[Symbol.dispose]();
`;

/** A process that waits to be stopped; `line()` reads what it says next. */
function spawn(graceMs: number, wrap: string[] = []) {
  const deno = [Deno.execPath(), "run", "-A", "--ext=ts", "-", `${graceMs}`];
  const [program, ...args] = [...wrap, ...deno];
  const child = new Deno.Command(program!, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  return {
    child,
    async feed() {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(PROGRAM));
      await writer.close();
    },
    async line(): Promise<string | undefined> {
      while (!rest.includes("\n")) {
        // deno-lint-ignore no-await-in-loop -- a stream is read in order
        const { value, done } = await reader.read();
        if (done) return undefined;
        rest += value;
      }
      const end = rest.indexOf("\n");
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      return line;
    },
  };
}

Deno.test("stopOnSignals() stops softly, then hard after the grace", async () => {
  const { child, feed, line } = spawn(200);
  await feed();
  assert.equal(await line(), "up");
  child.kill("SIGTERM");
  assert.equal(await line(), "soft SIGTERM");
  assert.equal(await line(), "hard grace over");
  assert.equal(await line(), undefined);
  assert.equal((await child.status).code, 0);
});

Deno.test("stopOnSignals() takes two signals at once for one, and a later one for impatience", async () => {
  const { child, feed, line } = spawn(60_000);
  await feed();
  assert.equal(await line(), "up");
  child.kill("SIGINT");
  assert.equal(await line(), "soft SIGINT");
  child.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 400)); // longer than the two may be apart
  child.kill("SIGINT");
  assert.equal(await line(), "hard SIGINT, again");
  assert.equal(await line(), undefined);
  assert.equal((await child.status).code, 0);
});

Deno.test("stopOnSignals() leaves nohup alone", async () => {
  const { child, feed, line } = spawn(60_000, ["nohup"]);
  await feed();
  assert.equal(await line(), "up");
  child.kill("SIGHUP");
  child.kill("SIGTERM");
  assert.equal(await line(), "soft SIGTERM");
  child.kill("SIGKILL");
  assert.equal(await line(), undefined);
  await child.status;
});

Deno.test("aborted() resolves at once for a signal that has aborted", async () => {
  await aborted(AbortSignal.abort());
});
