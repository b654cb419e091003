import type { NewFileVersion } from "../db/artifact.ts";

interface FileKind {
  /** Without the dot. */
  extension: string;
  content_type: string;
  type: NewFileVersion["type"];
}

const KINDS: Record<string, [FileKind["content_type"], FileKind["type"]]> = {
  txt: ["text/plain; charset=utf-8", "file_text"],
  log: ["text/plain; charset=utf-8", "file_text"],
  md: ["text/markdown; charset=utf-8", "file_text"],
  html: ["text/html; charset=utf-8", "file_text"],
  css: ["text/css; charset=utf-8", "file_text"],
  js: ["text/javascript; charset=utf-8", "file_text"],
  json: ["application/json", "file_text"],
  jsonl: ["application/jsonl", "file_text"],
  xml: ["application/xml", "file_text"],
  yaml: ["application/yaml", "file_text"],
  yml: ["application/yaml", "file_text"],
  csv: ["text/csv; charset=utf-8", "file_datatable"],
  tsv: ["text/tab-separated-values; charset=utf-8", "file_datatable"],
  parquet: ["application/vnd.apache.parquet", "file_datatable"],
  png: ["image/png", "file_image"],
  jpg: ["image/jpeg", "file_image"],
  jpeg: ["image/jpeg", "file_image"],
  gif: ["image/gif", "file_image"],
  webp: ["image/webp", "file_image"],
  svg: ["image/svg+xml", "file_image"],
  pdf: ["application/pdf", "file_binary"],
  zip: ["application/zip", "file_binary"],
  gz: ["application/gzip", "file_binary"],
};

/** What a file is, by its name. */
export function fileKind(name: string): FileKind {
  const extension = extensionOf(name) ?? "bin";
  const [content_type, type] = KINDS[extension] ??
    ["application/octet-stream", "file_binary"];
  return { extension, content_type, type };
}

/** The usual extension of a content type, `bin` when there is none. */
export function extensionFor(contentType: string | null): string {
  const plain = contentType?.replace(/;.*$/, "").trim();
  const known = Object.entries(KINDS).find(([, [type]]) =>
    type.split(";")[0] === plain
  );
  return known?.[0] ?? "bin";
}

/** Lower case; undefined for `Makefile` and for what is no extension. */
export function extensionOf(name: string): string | undefined {
  return /\.([A-Za-z0-9]{1,16})$/.exec(name)?.[1]?.toLowerCase();
}
