import { join } from "node:path";
import { isIdent } from "../domain/ref.ts";
import { mustBe, type Reader } from "./fields.ts";
import { readComponentFiles } from "./pack_files.ts";
import { Place } from "./place.ts";
import type { FileReport } from "./report.ts";
import { text } from "./scalars.ts";

/**
 * Looks at the files that this version does not load: work queues, stand-alone
 * workflows, graphs of workflow actions. Their YAML and refs must be right all
 * the same; each is reported as left out.
 */
export async function checkForeignFiles(
  dir: string,
  pack: string,
): Promise<{ reports: FileReport[]; refs: string[] }> {
  const refs: string[] = [];
  const reports: FileReport[] = [];
  const kinds = [
    { folder: "queues", what: "work queues", ref: queueRef },
    { folder: "workflows", what: "stand-alone workflows", ref: text },
    { folder: "actions/workflows", what: undefined, ref: undefined },
  ];
  for (const { folder, what, ref } of kinds) {
    const at = join(dir, folder);
    // deno-lint-ignore no-await-in-loop -- reports keep the order of the kinds
    const { files, report } = await readComponentFiles(
      at,
      `${pack}/${folder}`,
      dir,
    );
    reports.push(report, ...files.map((file) => file.report));
    if (ref === undefined) continue;
    for (const { report, located } of files) {
      if (located === undefined) continue;
      const written = located.root.ref;
      const place = Place.top(located, report).at("ref");
      const read = written === undefined || written === null
        ? undefined
        : ref(written, place);
      if (read !== undefined) refs.push(read);
      report.warn(
        1,
        "",
        `${what} are not run by this version: the file is left out`,
      );
    }
  }
  return { reports, refs };
}

/** Work-queue refs may have any number of parts. */
const queueRef: Reader<string> = (value, at) => {
  const ref = text(value, at);
  if (ref === undefined || ref.split(".").every(isIdent)) return ref;
  return at.error(mustBe("a ref of lower-case parts joined by dots", ref));
};
