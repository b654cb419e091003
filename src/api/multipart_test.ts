import assert from "node:assert/strict";
import fc from "fast-check";
import { ApiError } from "./errors.ts";
import { readParts, readText } from "./multipart.ts";

const LIMIT = { maxBytes: 1 << 20 };

function request(
  body: Uint8Array<ArrayBuffer> | null,
  type: string,
  chunk = 7,
) {
  const pieces = body === null ? [] : Array.from(
    { length: Math.ceil(body.length / chunk) },
    (_, i) => body.subarray(i * chunk, (i + 1) * chunk),
  );
  return {
    body: body === null ? null : ReadableStream.from(pieces),
    headers: new Headers({ "content-type": type }),
  };
}

async function encoded(form: FormData) {
  const response = new Response(form);
  return {
    type: response.headers.get("content-type")!,
    bytes: new Uint8Array(await response.arrayBuffer()),
  };
}

async function readAll(...args: Parameters<typeof request>) {
  const parts: { name: string; filename: string | null; bytes: number[] }[] =
    [];
  for await (
    const { name, filename, data } of readParts(request(...args), LIMIT)
  ) {
    const bytes: number[] = [];
    for await (const chunk of data) bytes.push(...chunk);
    parts.push({ name, filename, bytes });
  }
  return parts;
}

Deno.test("readParts() gives back every byte of every part, however it arrives", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    // Looks like the beginning of a boundary.
    fc.array(fc.constantFrom(13, 10, 45, 65), { maxLength: 60 })
      .map((list) => Uint8Array.from(list)),
  );
  const part = fc.record({
    name: fc.stringMatching(/^[a-z_]{1,12}$/),
    filename: fc.option(fc.stringMatching(/^[a-z. ]{1,12}$/)),
    bytes,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 90 }),
      async (given, chunk) => {
        const boundary = "----AAAA";
        const pieces = given.flatMap(({ name, filename, bytes }) => [
          `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${
            filename === null ? "" : `; filename="${filename}"`
          }\r\n\r\n`,
          new Uint8Array(bytes),
          "\r\n",
        ]);
        const blob = new Blob([...pieces, `--${boundary}--\r\n`]);
        const body = new Uint8Array(await blob.arrayBuffer());
        const clash = given.some(({ bytes }) =>
          new TextDecoder("latin1").decode(bytes).includes(boundary)
        );
        fc.pre(!clash);
        const type = `multipart/form-data; boundary=${boundary}`;
        assert.deepEqual(
          await readAll(body, type, chunk),
          given.map((p) => ({ ...p, bytes: [...p.bytes] })),
        );
      },
    ),
  );
});

Deno.test("readParts() reads what fetch sends, and skips what is not read", async () => {
  const form = new FormData();
  form.set("force", "true");
  form.set("pack", new Blob(["\r\n--x\r\n".repeat(500)]), "a b.tar.gz");
  form.set("last", "größe");
  const { bytes, type } = await encoded(form);
  const seen: unknown[] = [];
  for await (const part of readParts(request(bytes, type, 11), LIMIT)) {
    seen.push(part.name, part.filename);
    if (part.name !== "pack") seen.push(await readText(part));
  }
  assert.deepEqual(seen, [
    "force",
    null,
    "true",
    "pack",
    "a b.tar.gz",
    "last",
    null,
    "größe",
  ]);
});

Deno.test("readParts() refuses what is no whole form", async (test) => {
  const type = "multipart/form-data; boundary=x";
  const part = 'Content-Disposition: form-data; name="a"\r\n\r\n';
  const cases: [string, string | null, string, string][] = [
    ["another type", "x", "application/json", "UNSUPPORTED_MEDIA_TYPE"],
    ["no boundary", "x", "multipart/form-data", "UNSUPPORTED_MEDIA_TYPE"],
    ["no body", null, type, "BAD_REQUEST"],
    ["an empty body", "", type, "BAD_REQUEST"],
    ["no boundary in it", "hello", type, "BAD_REQUEST"],
    ["a cut part", `--x\r\n${part}abc`, type, "BAD_REQUEST"],
    ["cut after a boundary", `--x\r\n${part}abc\r\n--x`, type, "BAD_REQUEST"],
    [
      "a part without a name",
      "--x\r\nContent-Type: a\r\n\r\nb\r\n--x--",
      type,
      "BAD_REQUEST",
    ],
    [
      "endless headers",
      `--x\r\n${"a".repeat(20_000)}\r\n\r\nb\r\n--x--`,
      type,
      "BAD_REQUEST",
    ],
    [
      "too much",
      `--x\r\n${part}${"a".repeat(LIMIT.maxBytes)}\r\n--x--`,
      type,
      "PAYLOAD_TOO_LARGE",
    ],
  ];
  for (const [what, text, contentType, code] of cases) {
    // deno-lint-ignore no-await-in-loop -- one step after the other
    await test.step(what, async () => {
      const body = text === null ? null : new TextEncoder().encode(text);
      await assert.rejects(
        () => readAll(body, contentType, 4096),
        (error) => error instanceof ApiError && error.code === code,
      );
    });
  }
});

Deno.test("readParts() keeps a bounded piece of an endless part", async () => {
  let sent = 0;
  const head = 'X\r\n--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n';
  const body = new ReadableStream<Uint8Array>({
    start: (c) => c.enqueue(new TextEncoder().encode(head.slice(3))),
    pull: (c) => {
      sent += 64_000;
      c.enqueue(new Uint8Array(64_000));
    },
  });
  const headers = new Headers({
    "content-type": "multipart/form-data; boundary=x",
  });
  const parts = readParts({ body, headers }, { maxBytes: 1e9 });
  const { value: part } = await parts.next();
  let seen = 0;
  for await (const chunk of part!.data) {
    seen += chunk.byteLength;
    assert.ok(sent - seen < 400_000, `${sent - seen} bytes are held back`);
    if (seen > 10_000_000) break;
  }
  await parts.return(undefined);
});
