/**
 * Names of packs and of what they contain (packs.md 1.5, api.md 1.6). Lower
 * case only; nothing is ever lower-cased silently.
 */
const IDENT = "[a-z][a-z0-9_-]{0,62}";
const IDENT_ONLY = new RegExp(`^${IDENT}$`);
const COMPONENT = new RegExp(`^${IDENT}\\.${IDENT}$`);

/** True for `acme`, the grammar of a pack directory and of an ident. */
export function isIdent(text: string): boolean {
  return IDENT_ONLY.test(text);
}

/** True for `acme.sync`: exactly one dot. */
export function isComponentRef(text: string): boolean {
  return COMPONENT.test(text);
}

/** `sync` in pack `acme` is `acme.sync`; a ref that has a dot already stays as it is. */
export function qualifyRef(ref: string, packRef: string): string {
  return ref.includes(".") ? ref : `${packRef}.${ref}`;
}

/** The part before the first dot. */
export function packOf(ref: string): string {
  const dot = ref.indexOf(".");
  return dot < 0 ? ref : ref.slice(0, dot);
}

/** The part after the first dot, or the whole when there is none. */
export function identOf(ref: string): string {
  return ref.slice(ref.indexOf(".") + 1);
}
