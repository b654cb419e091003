import type { Command } from "commander";
import { aborted, stopOnSignals } from "../lifecycle.ts";
import {
  type ApiOptions,
  open,
  parseId,
  withApi,
  withExample,
} from "./command.ts";
import { EXIT } from "./exit.ts";
import { followLog } from "./follow_execution.ts";
import { err, out } from "./terminal.ts";

interface LogOptions extends ApiOptions {
  follow?: boolean;
  stderr?: boolean;
  stdout?: boolean;
}

/** `attune execution logs` */
export function addExecutionLogs(group: Command): void {
  const command = group.command("logs")
    .description("what an execution wrote, both streams each to its own")
    .argument("<id>", "its id", parseId)
    .option("-f, --follow", "until it ends")
    .option("--stdout", "only this stream")
    .option("--stderr", "only this stream");
  withExample(withApi(command), "attune execution logs -f 12")
    .action(async (id: number, options: LogOptions) => {
      const api = await open(options);
      const both = options.stdout === options.stderr;
      using stop = stopOnSignals({ graceMs: 0 });
      const follow = (stream: "stdout" | "stderr", write: typeof out) =>
        followLog(api, {
          id,
          stream,
          write,
          signal: stop.soft,
          onlyWhatExists: !options.follow,
        });
      const streams = [
        ...(both || options.stdout ? [follow("stdout", out)] : []),
        ...(both || options.stderr ? [follow("stderr", err)] : []),
      ];
      await Promise.race([Promise.all(streams), aborted(stop.soft)]);
      if (stop.soft.aborted) Deno.exitCode = EXIT.interrupted;
    });
}
