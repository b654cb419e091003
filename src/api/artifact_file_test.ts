import assert from "node:assert/strict";
import fc from "fast-check";
import { normalize } from "node:path/posix";
import { versionPath } from "./artifact_file.ts";
import { extensionFor, fileKind } from "./file_kind.ts";

Deno.test({
  name: "versionPath() turns the dots of a ref into directories",
  permissions: "none",
  fn: () =>
    assert.equal(
      versionPath("demo.hello.out", 3, "csv"),
      "demo/hello/out/v3.csv",
    ),
});

Deno.test({
  name: "versionPath() stays below its directory whatever the ref",
  permissions: "none",
  fn() {
    const odd = fc.array(fc.constantFrom(".", "..", "/", "\\", "a", "%2e"), {
      maxLength: 12,
    }).map((parts) => parts.join(""));
    fc.assert(fc.property(odd, (ref) => {
      const path = versionPath(ref, 1, "txt");
      assert.equal(normalize(path), path);
      assert.ok(!path.startsWith("/") && !path.startsWith(".."), path);
    }));
  },
});

Deno.test({
  name: "fileKind() goes by the name",
  permissions: "none",
  fn() {
    const kinds = [
      "a.CSV",
      "b/c.png",
      "Makefile",
      "x.tar.gz",
      "y.toolongextension123",
    ]
      .map((name) => {
        const { extension, type } = fileKind(name);
        return [extension, type];
      });
    assert.deepEqual(kinds, [
      ["csv", "file_datatable"],
      ["png", "file_image"],
      ["bin", "file_binary"],
      ["gz", "file_binary"],
      ["bin", "file_binary"],
    ]);
  },
});

Deno.test({
  name: "extensionFor() knows common content types",
  permissions: "none",
  fn() {
    assert.equal(extensionFor("application/json"), "json");
    assert.equal(extensionFor("text/plain"), "txt");
    assert.equal(extensionFor("application/x-odd"), "bin");
    assert.equal(extensionFor(null), "bin");
  },
});
