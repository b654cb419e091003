import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writePrivate } from "../write_private.ts";
import { denoFlags } from "./deno_flags.ts";
import { Refused, type Runtime } from "./runtime.ts";

/** Runs inside the action's process and calls its default export (packs.md 3.13). */
const HOST = fileURLToPath(
  new URL("../../../runtimes/deno_host.js", import.meta.url),
);

/** TypeScript and JavaScript on the Deno that runs this agent, under its permission flags. */
export const deno: Runtime = {
  name: "deno",
  command(call) {
    const { actionFile, spec, workDir } = call;
    if (actionFile === null) {
      return Promise.reject(
        new Refused(
          "entry_point_missing",
          `The action ${spec.action_ref} has no file for Deno to run`,
        ),
      );
    }
    const { flags } = denoFlags(spec.permissions, { ...call, host: HOST });
    // stdin with JSON the host can read itself; everything else would have to be parsed back.
    const direct = spec.parameter_delivery === "stdin" &&
      spec.parameter_format === "json";
    const parameters = join(workDir, "parameters.deno.json");
    if (!direct) {
      writePrivate(parameters, JSON.stringify(spec.parameters), 0o400);
    }
    return Promise.resolve({
      argv: [
        Deno.execPath(),
        "run",
        "--cached-only",
        "--no-prompt",
        "--no-config",
        "--no-lock",
        "--no-remote",
        "--no-npm",
        "--no-code-cache",
        "--quiet",
        ...flags,
        HOST,
      ],
      env: {
        DENO_DIR: join(workDir, "deno"),
        DENO_NO_UPDATE_CHECK: "1",
        ...call.env,
        ATTUNE_DENO_ENTRY: actionFile,
        ...(!direct && { ATTUNE_DENO_PARAMETERS: parameters }),
      },
      layers: { deno: true },
    });
  },
};
