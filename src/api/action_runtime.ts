import { extname } from "node:path";
import { findRuntimeName, listRuntimeExtensions } from "../db/runtime_list.ts";
import { parseConstraint } from "../domain/version_constraint.ts";
import type { ApiDeps } from "./env.ts";
import { ApiError } from "./errors.ts";

/**
 * Canonical name of the runtime that an ad-hoc action asks for: by id, else by
 * ref (404 when it does not exist), else by the extension of its entry point,
 * else shell (packs.md 2.2).
 */
export async function runtimeFor(
  db: ApiDeps["db"],
  entrypoint: string,
  { runtime: id, runtime_ref: ref }: {
    runtime: number | undefined;
    runtime_ref: string | undefined;
  },
): Promise<string> {
  if (id !== undefined || ref !== undefined) {
    const name = await findRuntimeName(
      db,
      id === undefined ? { ref: ref! } : { id },
    );
    if (name !== undefined) return name;
    throw new ApiError("NOT_FOUND", `Runtime '${id ?? ref}' not found`);
  }
  const extension = /\s/.test(entrypoint) ? "" : extname(entrypoint);
  if (extension === "") return "shell";
  const rows = await listRuntimeExtensions(db);
  return rows.find((row) => row.extension === extension)?.name ?? "shell";
}

/** Refuses (422) version constraints that cannot be read. */
export function checkConstraints(
  { runtime_version_constraint, required_worker_runtimes }: {
    runtime_version_constraint?: string | null | undefined;
    required_worker_runtimes?: Record<string, string> | undefined;
  },
): void {
  check("runtime_version_constraint", runtime_version_constraint);
  for (const [name, text] of Object.entries(required_worker_runtimes ?? {})) {
    check(`required_worker_runtimes.${name}`, text);
  }
}

function check(path: string, constraint: string | null | undefined): void {
  try {
    parseConstraint(constraint);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ApiError("VALIDATION_ERROR", `${path}: ${message}`, [
      { path, message },
    ]);
  }
}
