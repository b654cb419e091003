import { parseConstraint } from "../domain/version_constraint.ts";
import { isIdent } from "../domain/ref.ts";
import { mustBe, type Reader } from "./fields.ts";
import { shown } from "./report.ts";
import { text, versionText } from "./scalars.ts";

/** A version constraint, as written (packs.md 4.5). */
export const constraint: Reader<string> = (value, at) => {
  const written = versionText(value, at)?.trim();
  if (written === undefined) return;
  const why = constraintFault(written);
  return why === undefined ? written : at.error(
    `must be a version constraint, not ${shown(written)}: ${why}`,
  );
};

/** No honest constraint is longer. */
const LONGEST = 200;

/** Why the text is no constraint; undefined when it is one. */
function constraintFault(written: string): string | undefined {
  if (written.length > LONGEST) return `longer than ${LONGEST} characters`;
  try {
    parseConstraint(written);
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    const opening = `Cannot read version constraint "${written}": `;
    return message.startsWith(opening)
      ? message.slice(opening.length)
      : message;
  }
}

/** `python >=3.12` in two parts; the constraint is `*` when it is left out. */
export function splitDependency(
  written: string,
): { name: string; constraint: string } {
  const [, name = "", rest = ""] =
    written.trim().match(/^([A-Za-z0-9_.-]*)([^]*)$/) ?? [];
  return { name, constraint: rest.trim() || "*" };
}

/** A runtime with an optional constraint, by any alias: `python >=3.12`. */
export const runtimeDependency: Reader<string> = dependency(
  "a runtime name, optionally with a constraint, like 'python >=3.12'",
  (name) => name !== "",
);

/** A pack with an optional constraint: `acme ^2.1`. */
export const packDependency: Reader<string> = dependency(
  "a pack ref, optionally with a constraint, like 'acme ^2.1'",
  isIdent,
);

function dependency(
  what: string,
  isName: (name: string) => boolean,
): Reader<string> {
  return (value, at) => {
    const written = text(value, at)?.trim();
    if (written === undefined) return;
    const { name, constraint } = splitDependency(written);
    if (!isName(name)) return at.error(mustBe(what, written));
    const why = constraintFault(constraint);
    return why === undefined ? written : at.error(
      `has no version constraint in ${shown(constraint)}: ${why}`,
    );
  };
}
