import { isComponentRef, isIdent, packOf, qualifyRef } from "../domain/ref.ts";
import { mustBe, type Reader } from "./fields.ts";
import { text } from "./scalars.ts";

const IDENT_RULE =
  "a lower-case letter followed by up to 62 of a-z, 0-9, '_' and '-'";

/** The ref of a pack. */
export const packRefField: Reader<string> = (value, at) => {
  const ref = text(value, at);
  if (ref === undefined || isIdent(ref)) return ref;
  return at.error(
    `${mustBe(`a pack ref (${IDENT_RULE})`, ref)}${caseHint(ref)}`,
  );
};

/** A ref of a component of any pack; the short form means one of this pack. */
export function componentRef(pack: string): Reader<string> {
  return (value, at) => {
    const written = text(value, at);
    if (written === undefined) return;
    const ref = qualifyRef(written, pack);
    if (isComponentRef(ref)) return ref;
    return at.error(
      `${
        mustBe(`a ref like '${pack}.name' (each part ${IDENT_RULE})`, written)
      }${caseHint(written)}`,
    );
  };
}

/** The ref of a component that this pack declares. */
export function ownRef(pack: string): Reader<string> {
  const any = componentRef(pack);
  return (value, at) => {
    const ref = any(value, at);
    if (ref === undefined || packOf(ref) === pack) return ref;
    return at.error(
      `names pack '${
        packOf(ref)
      }', but this is pack '${pack}'; write '${pack}.${
        ref.slice(ref.indexOf(".") + 1)
      }'`,
    );
  };
}

/** A permission set: always written in full, or the reserved word `standard`. */
export const permissionSetRef: Reader<string> = (value, at) => {
  const ref = text(value, at);
  if (ref === undefined || ref === "standard" || isComponentRef(ref)) {
    return ref;
  }
  return at.error(
    `${
      mustBe("a full permission set ref like 'core.viewer', or 'standard'", ref)
    }${caseHint(ref)}`,
  );
};

/** The ref of a permission set that this pack declares. */
export function ownPermissionSetRef(pack: string): Reader<string> {
  const own = ownRef(pack);
  return (value, at) => {
    if (value === "standard") {
      return at.error("must not be 'standard', which is a reserved word");
    }
    if (typeof value === "string" && value !== "" && !value.includes(".")) {
      return at.error(
        mustBe(`written in full, like '${pack}.name'`, value),
      );
    }
    return own(value, at);
  };
}

function caseHint(ref: string): string {
  return /[A-Z]/.test(ref) ? "; refs are lower case only" : "";
}
