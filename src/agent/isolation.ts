import type { ExecutionSpec } from "../domain/agent_protocol.ts";
import type { Isolation } from "../domain/isolation.ts";
import { denoFlags } from "./runtimes/deno_flags.ts";
import type { Runtime } from "./runtimes/runtime.ts";

const NO_KERNEL = "this version of the agent enforces it for deno actions only";

/** What of an action's policy is enforced, and honestly what is not. */
export function isolationOf(
  spec: Pick<ExecutionSpec, "permissions" | "resources">,
  runtime: Runtime["name"] | null,
): Isolation {
  const { permissions, resources } = spec;
  const policy = isRequired(permissions) ? "required" : "best_effort";
  const limits = Object.keys(resources).filter((name) => name !== "output_mb")
    .map((name) => `${name}: not enforced by this version of the agent`);
  if (runtime === "deno") {
    const place = { packDir: null, workDir: "", artifactsDir: "", host: "" };
    const { degraded } = denoFlags(permissions, place);
    const kernel = "kernel: the process itself is not confined further";
    return {
      level: "partial",
      policy,
      layers: { deno: true },
      degraded: [...degraded, kernel, ...limits],
    };
  }
  const wanted = ["read", "write", "run"].filter((key) =>
    permissions[key] !== true
  );
  if (permissions.net !== undefined && permissions.net !== true) {
    wanted.push("net");
  }
  const degraded = wanted.map((key) => `${key}: ${NO_KERNEL}`);
  return {
    level: "none",
    policy,
    layers: {},
    degraded: [...degraded, `private_tmp: ${NO_KERNEL}`, ...limits],
  };
}

/** True when an action may not run unless all of its policy is enforced. */
export function isRequired(
  permissions: ExecutionSpec["permissions"],
): boolean {
  const { sandbox } = permissions;
  return sandbox === "required" || sandbox === "require";
}

/** What keeps a `required` policy from being exact; empty when nothing does. */
export function unenforced(
  isolation: Isolation,
  runtime: Runtime["name"],
): string[] {
  // Deno's own flags are the whole wall where no other program can be started.
  return runtime === "deno"
    ? isolation.degraded.filter((entry) => !entry.startsWith("kernel:"))
    : isolation.degraded;
}
