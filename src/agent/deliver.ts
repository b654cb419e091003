import { join } from "node:path";
import type { ExecutionSpec } from "../domain/agent_protocol.ts";
import { parameterDocument } from "../process/parameter_document.ts";
import { parameterEnv } from "../process/parameter_env.ts";
import { writePrivate } from "./write_private.ts";

export interface Delivered {
  stdin: string;
  /** `ATTUNE_PARAMETER_*` and `ATTUNE_ACTION_*`. */
  env: Record<string, string>;
}

/** Puts the parameters where the action expects them (packs.md 3.4). Throws `InvalidParameters`. */
export function deliver(
  spec: Pick<
    ExecutionSpec,
    "parameters" | "secret_names" | "parameter_delivery" | "parameter_format"
  >,
  workDir: string,
): Delivered {
  const { parameters, parameter_delivery: delivery } = spec;
  const format = delivery === "env" ? "json" : spec.parameter_format;
  const said = {
    ATTUNE_PARAMETER_DELIVERY: delivery,
    ATTUNE_PARAMETER_FORMAT: format,
  };
  if (delivery === "env") {
    const { env, stdin } = parameterEnv(parameters, spec.secret_names);
    return { stdin, env: { ...env, ...said } };
  }
  const document = parameterDocument(parameters, format);
  if (delivery === "stdin") {
    return { stdin: document, env: said };
  }
  const file = join(workDir, `parameters.${format}`);
  writePrivate(file, document, 0o400);
  return { stdin: "", env: { ...said, ATTUNE_PARAMETER_FILE: file } };
}
