import { join } from "node:path";
import { fillTemplate } from "../../process/child_environment.ts";
import { inlineScript } from "../../process/inline_script.ts";
import { writePrivate } from "../write_private.ts";
import { interpreterOf } from "./interpreter_config.ts";
import type { ActionCall, Command, Runtime } from "./runtime.ts";

/** Files, or inline source, run by an interpreter that a descriptor describes. */
export const interpreter: Runtime = {
  name: "interpreter",
  command(call) {
    return Promise.resolve(commandFor(call));
  },
};

function commandFor(call: ActionCall): Command {
  const { actionFile, spec, config } = call;
  const values = templates(call);
  const args = interpreterOf(config).args.flatMap((arg) =>
    fillTemplate(arg, values) ?? []
  );
  const argv: [string, ...string[]] = [call.interpreter, ...args];
  if (actionFile !== null) return { argv: [...argv, actionFile] };
  const { strategy = "direct", extension = "", inject_shell_helpers = false } =
    config.inline_execution ?? {};
  if (strategy === "direct") return { argv: [...argv, "-c", spec.entry_point] };
  const file = join(call.workDir, `inline${extension}`);
  if (!inject_shell_helpers) {
    writePrivate(file, spec.entry_point, 0o600);
    return { argv: [...argv, file] };
  }
  const script = inlineScript(spec.entry_point, spec.parameters, call.env);
  writePrivate(file, script, 0o600);
  return { argv: [...argv, file], stdin: "" };
}

/** Values of the templates of packs.md 4.3. */
export function templates(
  call: Pick<
    ActionCall,
    "packDir" | "interpreter" | "actionFile" | "workDir" | "artifactsDir"
  >,
): Record<string, string | undefined> {
  return {
    pack_dir: call.packDir ?? undefined,
    interpreter: call.interpreter,
    action_file: call.actionFile ?? undefined,
    work_dir: call.workDir,
    artifacts_dir: call.artifactsDir,
  };
}
