import type { EnvVar, ExecutionConfig } from "../domain/runtime.ts";
import { listOf, mapOf } from "./collections.ts";
import {
  given,
  mustBe,
  optional,
  type Reader,
  record,
  required,
} from "./fields.ts";
import { relativePath } from "./path_fields.ts";
import { permissions, variableName } from "./permissions_field.ts";
import { bool, oneOf, text } from "./scalars.ts";

/** argv, or text for `sh -c`. */
const command: Reader<string[] | string> = (value, at) =>
  typeof value === "string" || Array.isArray(value)
    ? Array.isArray(value) ? listOf(text)(value, at) : value
    : at.error(mustBe("a list of arguments or text for a shell", value));

/** `.py`; written with or without its dot. */
const extension: Reader<string> = (value, at) => {
  const written = text(value, at);
  if (written === undefined || written === "") return written;
  return written.startsWith(".") ? written : `.${written}`;
};

const variable: Reader<EnvVar> = (value, at) => {
  if (typeof value === "string") return value;
  if (typeof value !== "object") return text(value, at);
  const read = variableFields(value, at);
  return read && { value: read.value, ...given(read) };
};

const variableFields = record({
  value: required(text),
  operation: optional(oneOf(["set", "prepend", "append"]), undefined),
  separator: optional(text, undefined),
});

const fields = record({
  interpreter: optional(
    record({
      binary: optional(text, undefined),
      args: optional(listOf(text), undefined, { aliases: ["arguments"] }),
      file_extension: optional(extension, undefined),
    }),
    undefined,
  ),
  file_extension: optional(extension, undefined),
  inline_execution: optional(
    record({
      strategy: optional(oneOf(["direct", "temp_file"]), undefined),
      extension: optional(extension, undefined),
      inject_shell_helpers: optional(bool, undefined),
    }),
    undefined,
  ),
  environment: optional(
    record({
      env_type: optional(text, undefined),
      dir_name: optional(text, undefined),
      create_command: optional(command, undefined),
      interpreter_path: optional(text, undefined),
      install_command: optional(command, undefined),
      dependency_file: optional(relativePath, undefined),
    }),
    undefined,
  ),
  dependencies: optional(
    record({
      manifest_file: optional(relativePath, undefined),
      lock_files: optional(listOf(relativePath), undefined),
      copy_manifest: optional(bool, undefined),
      install_command: optional(command, undefined),
      locked_install_command: optional(command, undefined),
    }),
    undefined,
  ),
  env_vars: optional(mapOf(variable, variableName), undefined),
  permissions: optional(permissions, undefined),
});

/**
 * How files of a runtime are run (packs.md 4.2). The older places of
 * `file_extension`, `install_command` and `dependency_file` are moved to the
 * ones that readers look at.
 */
export const executionConfig: Reader<ExecutionConfig> = (value, at) => {
  const read = fields(value, at);
  if (read === undefined) return;
  const { file_extension, environment, ...rest } = read;
  const { install_command, dependency_file, ...place } = environment ?? {};
  const interpreter = filled({
    file_extension,
    ...given(rest.interpreter ?? {}),
  });
  const dependencies = filled({
    manifest_file: dependency_file,
    install_command,
    ...given(rest.dependencies ?? {}),
  });
  return given({
    ...rest,
    interpreter,
    inline_execution: rest.inline_execution && given(rest.inline_execution),
    environment: filled(place),
    dependencies,
  }) as ExecutionConfig;
};

/** The keys that were written; undefined when there are none. */
function filled<T extends object>(read: T) {
  const some = given(read);
  return Object.keys(some).length === 0 ? undefined : some;
}
