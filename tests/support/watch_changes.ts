import type { ExecutionChange } from "../../src/domain/changes.ts";
import { isTerminal } from "../../src/domain/execution.ts";
import type { Client } from "./client.ts";

/** A live watcher of `GET /executions/stream`, begun before this resolves. */
export async function watchChanges(client: Client) {
  const answer = await client.raw("GET", "/api/v1/executions/stream");
  if (answer.status !== 200) {
    throw new Error(`The stream answered ${answer.status}`);
  }
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  const seen: ExecutionChange[] = [];
  let rest = "";

  async function more(): Promise<boolean> {
    const { value, done } = await reader.read();
    if (done) return false;
    const frames = (rest + value).split("\n\n");
    rest = frames.pop()!;
    for (const frame of frames) {
      const data = frame.split("\n").filter((l) => l.startsWith("data:"))
        .map((l) => l.slice(5)).join("\n");
      if (data !== "") seen.push(JSON.parse(data));
    }
    return true;
  }

  return {
    /** Every change of one execution, up to its terminal one. */
    async of(id: number): Promise<ExecutionChange[]> {
      for (;;) {
        const mine = seen.filter((c) => c.id === id);
        if (mine.some((c) => isTerminal(c.status))) return mine;
        // deno-lint-ignore no-await-in-loop -- a stream is read in order
        if (!await more()) throw new Error("The stream ended early");
      }
    },
    async [Symbol.asyncDispose]() {
      await reader.cancel();
    },
  };
}
