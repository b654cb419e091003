/** Says why PostgreSQL's own programs cannot run on this machine at all; PGlite can. */
export class CannotRun extends Error {
  override name = "CannotRun";
}
