import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { join } from "node:path";

/** Runs the action as the agent does: a host module, parameters on stdin, network only. */
const HOST = `
  const { default: act } = await import(Deno.args[0]);
  const given = JSON.parse(await new Response(Deno.stdin.readable).text());
  console.log(JSON.stringify(await act(given, {})));
`;
const ACTION = new URL(
  "../../packs/core/actions/http_request.ts",
  import.meta.url,
);

interface Run {
  code: number;
  stderr: string;
  // deno-lint-ignore no-explicit-any -- the output under test
  out: any;
}

async function request(
  parameters: Record<string, unknown>,
  env: Record<string, string> = {},
): Promise<Run> {
  const host = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(host, HOST);
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--cached-only",
        "--allow-net",
        `--allow-read=${new URL("../../packs/core", import.meta.url).pathname}`,
        host,
        ACTION.href,
      ],
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(JSON.stringify(parameters)));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    const text = new TextDecoder().decode(stdout);
    const errors = new TextDecoder().decode(stderr);
    assert.notEqual(text, "", errors);
    return { code, stderr: errors, out: JSON.parse(text) };
  } finally {
    await Deno.remove(host);
  }
}

/** An HTTP server that says what it was asked. */
function echoServer(): Deno.HttpServer<Deno.NetAddr> & { origin: string } {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    respond,
  );
  return Object.assign(server, {
    origin: `http://127.0.0.1:${server.addr.port}`,
  });
}

async function respond(request: Request): Promise<Response> {
  const url = new URL(request.url);
  const to = url.searchParams.get("to");
  switch (url.pathname) {
    case "/redirect":
      return new Response(null, {
        status: Number(url.searchParams.get("status") ?? 302),
        headers: { location: to ?? "/echo" },
      });
    case "/loop":
      return new Response(null, {
        status: 302,
        headers: { location: "/loop" },
      });
    case "/status":
      return new Response("no", {
        status: Number(url.searchParams.get("code")),
      });
    case "/text":
      return new Response("42");
    case "/list":
      return Response.json([1, 2]);
    case "/latin1":
      return new Response(new Uint8Array([0xe9]), {
        headers: { "content-type": "text/plain; charset=iso-8859-1" },
      });
    case "/gzip":
      return new Response(new Uint8Array(gzipSync("packed")), {
        headers: { "content-encoding": "gzip" },
      });
    case "/bomb":
      return new Response(
        new Uint8Array(gzipSync(new Uint8Array(50 * 1024 * 1024))),
        {
          headers: { "content-encoding": "gzip" },
        },
      );
    case "/large":
      return new Response(new Uint8Array(6 * 1024 * 1024).fill(97));
    case "/euro":
      return new Response("a" + "€".repeat(2 * 1024 * 1024));
    case "/cookies":
      return new Response("", {
        headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["X-One", "1"]],
      });
  }
  return Response.json({
    method: request.method,
    path: url.pathname + url.search,
    headers: Object.fromEntries(request.headers),
    body: await request.text(),
  }, { headers: { "x-method": request.method } });
}

Deno.test("core.http_request sends every method, in any case", async () => {
  await using server = echoServer();
  const methods = ["GET", "post", "PUT", "PATCH", "delete", "HEAD", "OPTIONS"];
  const runs = await Promise.all(
    methods.map((method) => request({ url: `${server.origin}/echo`, method })),
  );
  for (const [index, { code, out }] of runs.entries()) {
    const method = methods[index]!.toUpperCase();
    assert.equal(code, 0);
    assert.equal(out.status_code, 200);
    assert.equal(out.headers["x-method"], method);
    assert.equal(out.success, true);
    assert.equal(out.json?.method ?? method, method);
    assert.equal(out.url, `${server.origin}/echo`);
    assert.equal(Number.isInteger(out.elapsed_ms), true);
    assert.equal("error" in out, false);
  }
});

Deno.test("core.http_request appends query_params and keeps the query of the URL as it is", async () => {
  await using server = echoServer();
  const { out } = await request({
    url: `${server.origin}/echo?a=%20b`,
    query_params: { "na me": "x&y=z/ü", list: [1, true, "c d"], none: null },
  });
  assert.equal(
    out.json.path,
    "/echo?a=%20b&na%20me=x%26y%3Dz%2F%C3%BC&list=1&list=true&list=c%20d",
  );
});

Deno.test("core.http_request sends headers and bodies; json_body wins", async () => {
  await using server = echoServer();
  const url = `${server.origin}/echo`;
  const plain = await request({
    url,
    method: "POST",
    body: "héllo",
    headers: { "X-A": "1", n: 2 },
  });
  assert.equal(plain.out.json.body, "héllo");
  assert.equal(plain.out.json.headers["x-a"], "1");
  assert.equal(plain.out.json.headers.n, "2");
  assert.equal(plain.out.json.headers["content-length"], "6");
  const json = await request({
    url,
    method: "POST",
    body: "no",
    json_body: { a: [1] },
  });
  assert.equal(json.out.json.body, '{"a":[1]}');
  assert.equal(json.out.json.headers["content-type"], "application/json");
  const typed = await request({
    url,
    method: "POST",
    json_body: {},
    headers: { "Content-Type": "application/vnd.x+json" },
  });
  assert.equal(
    typed.out.json.headers["content-type"],
    "application/vnd.x+json",
  );
});

Deno.test("core.http_request says who asks by auth_type, or by the URL", async () => {
  await using server = echoServer();
  const url = `${server.origin}/echo`;
  const cases: [Record<string, unknown>, string | undefined][] = [
    [
      { url, auth_type: "basic", auth_username: "ü", auth_password: "p:w" },
      "Basic w7w6cDp3",
    ],
    [{ url, auth_type: "bearer", auth_token: "t0k" }, "Bearer t0k"],
    [{ url: url.replace("//", "//me:pw@") }, "Basic bWU6cHc="],
    [{ url, auth_username: "unused" }, undefined],
  ];
  const runs = await Promise.all(
    cases.map(([parameters]) => request(parameters)),
  );
  for (const [index, { out }] of runs.entries()) {
    assert.equal(out.json.headers.authorization, cases[index]![1]);
    assert.equal(out.url, url);
  }
});

Deno.test("core.http_request treats any status as an answer", async () => {
  await using server = echoServer();
  const runs = await Promise.all(
    [404, 500].map((code) =>
      request({ url: `${server.origin}/status?code=${code}` })
    ),
  );
  assert.deepEqual(
    runs.map((
      { code, out },
    ) => [code, out.status_code, out.success, out.body, out.json]),
    [[0, 404, false, "no", null], [0, 500, false, "no", null]],
  );
});

Deno.test("core.http_request parses objects and lists only, decodes charsets and encodings, joins headers", async () => {
  await using server = echoServer();
  const get = (path: string) => request({ url: `${server.origin}${path}` });
  const [text, list, latin1, gzip, cookies] = await Promise.all(
    ["/text", "/list", "/latin1", "/gzip", "/cookies"].map(get),
  );
  assert.deepEqual([text!.out.body, text!.out.json], ["42", null]);
  assert.deepEqual(list!.out.json, [1, 2]);
  assert.equal(latin1!.out.body, "é");
  assert.equal(gzip!.out.body, "packed");
  assert.equal(cookies!.out.headers["set-cookie"], "a=1, b=2");
  assert.equal(cookies!.out.headers["x-one"], "1");
});

Deno.test("core.http_request cuts bodies over 5 MiB and warns, a compressed bomb too", async () => {
  await using server = echoServer();
  const get = (path: string) => request({ url: `${server.origin}${path}` });
  const [large, bomb, euro] = await Promise.all(
    ["/large", "/bomb", "/euro"].map(get),
  );
  for (const run of [large!, bomb!]) {
    assert.equal(run.code, 0);
    assert.equal(run.out.body.length, 5 * 1024 * 1024);
    assert.match(
      run.stderr,
      /^The body of http:.* is cut after 5242880 bytes\n$/,
    );
  }
  assert.equal(euro!.out.body.includes("\ufffd"), false);
  assert.equal(
    euro!.out.body.length,
    1 + Math.floor((5 * 1024 * 1024 - 1) / 3),
  );
});

Deno.test("core.http_request follows redirects as browsers do", async () => {
  await using server = echoServer();
  const cases: [number, string, string, string][] = [
    [301, "POST", "GET", ""],
    [302, "POST", "GET", ""],
    [302, "PUT", "PUT", "data"],
    [303, "PUT", "GET", ""],
    [307, "POST", "POST", "data"],
    [308, "PATCH", "PATCH", "data"],
  ];
  const runs = await Promise.all(cases.map(([status, method]) =>
    request({
      url: `${server.origin}/redirect?status=${status}`,
      method,
      body: "data",
      headers: { "content-type": "text/x" },
      auth_type: "bearer",
      auth_token: "t",
    })
  ));
  for (const [index, { out }] of runs.entries()) {
    const [, , method, body] = cases[index]!;
    assert.deepEqual([out.json.method, out.json.body], [method, body]);
    assert.equal(
      out.json.headers["content-type"],
      body === "" ? undefined : "text/x",
    );
    assert.equal(out.json.headers.authorization, "Bearer t");
    assert.equal(out.url, `${server.origin}/echo`);
  }
});

Deno.test("core.http_request drops what proves who we are on the way to another origin", async () => {
  await using server = echoServer();
  await using other = echoServer();
  const back = `${server.origin}/echo`;
  const hop = `${other.origin}/redirect?to=${encodeURIComponent(back)}`;
  const { out } = await request({
    url: `${server.origin}/redirect?to=${encodeURIComponent(hop)}`,
    headers: { Cookie: "a=1", "X-Kept": "1" },
    auth_type: "basic",
    auth_username: "me",
    auth_password: "pw",
  });
  assert.equal(out.url, back);
  assert.equal(out.json.headers.authorization, undefined);
  assert.equal(out.json.headers.cookie, undefined);
  assert.equal(out.json.headers["x-kept"], "1");
});

Deno.test("core.http_request stops after max_redirects, and at once when told not to follow", async () => {
  await using server = echoServer();
  const loop = await request({
    url: `${server.origin}/loop`,
    max_redirects: 2,
  });
  assert.deepEqual([loop.code, loop.out.status_code, loop.out.success], [
    1,
    0,
    false,
  ]);
  assert.equal(loop.out.error, "More than 2 redirects, the last to /loop");
  const none = await request({
    url: `${server.origin}/loop`,
    follow_redirects: false,
  });
  assert.deepEqual([none.code, none.out.status_code], [0, 302]);
  const scheme = await request({
    url: `${server.origin}/redirect?to=file%3A%2F%2F%2Fetc%2Fpasswd`,
  });
  assert.equal(
    scheme.out.error,
    'Cannot follow a redirect to "file:///etc/passwd"',
  );
});

Deno.test("core.http_request without an answer exits with 1 and says why", async () => {
  await using server = echoServer();
  await using silent = rawServer(undefined);
  const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = closed.addr.port;
  closed.close();
  const cases: [Record<string, unknown>, RegExp][] = [
    [
      { url: `http://127.0.0.1:${port}/` },
      /^Connection refused by 127\.0\.0\.1:\d+$/,
    ],
    [
      { url: "http://no-such-host.invalid/" },
      /^Cannot resolve host name "no-such-host\.invalid"/,
    ],
    [
      { url: silent.origin, timeout: 1 },
      /^No complete answer within 1 seconds$/,
    ],
    [
      { url: "ftp://x/" },
      /^url must be an http or https URL, not "ftp:\/\/x\/"$/,
    ],
    [{}, /^url must be an http or https URL, not ""$/],
    [
      { url: server.origin, method: "BREW" },
      /^method must be one of GET, POST/,
    ],
    [
      { url: server.origin, timeout: 0 },
      /^timeout must be a whole number from 1 to 300, not 0$/,
    ],
    [{ url: server.origin, auth_type: "bearer" }, /^auth_token is needed/],
    [{ url: server.origin, headers: { "bad name": "x" } }, /bad name/],
    [{ url: server.origin, headers: { x: "a\nb" } }, /x/],
  ];
  const runs = await Promise.all(
    cases.map(([parameters]) => request(parameters)),
  );
  for (const [index, { code, out }] of runs.entries()) {
    assert.match(out.error, cases[index]![1]);
    assert.deepEqual(
      [code, out.status_code, out.success, out.headers, out.body, out.json],
      [1, 0, false, {}, "", null],
    );
  }
});

/** Answers each connection with raw bytes and closes it; without an answer it waits for the other side. */
function rawServer(answer: string | undefined) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const conn of listener) {
      await conn.read(new Uint8Array(4096));
      if (answer === undefined) await conn.read(new Uint8Array(1));
      else await conn.write(new TextEncoder().encode(answer));
      conn.close();
    }
  })();
  return {
    origin: `http://127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}

Deno.test("core.http_request calls an answer that ends too early no answer", async () => {
  await using length = rawServer(
    "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this",
  );
  await using chunked = rawServer(
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
  );
  await using garbage = rawServer("SSH-2.0-x\r\n");
  await using empty = rawServer("");
  const servers = [length, chunked, garbage, empty];
  const runs = await Promise.all(
    servers.map(({ origin }) => request({ url: origin })),
  );
  for (const { code, out } of runs) {
    assert.deepEqual([code, out.status_code, out.body], [1, 0, ""]);
    assert.equal(typeof out.error, "string");
  }
  assert.match(
    runs[0]!.out.error,
    /^Connection closed by .* before the answer was complete$|middle of the answer/,
  );
});

Deno.test("core.http_request refuses a certificate it cannot verify unless told otherwise", async () => {
  const dir = await Deno.makeTempDir();
  try {
    if (!await selfSigned(dir)) return;
    const [cert, key] = await Promise.all(
      ["cert.pem", "key.pem"].map((name) => Deno.readTextFile(join(dir, name))),
    );
    await using server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      cert: cert!,
      key: key!,
      onListen() {},
    }, respond);
    const url = `https://localhost:${server.addr.port}/text`;
    const refused = await request({ url });
    assert.deepEqual([refused.code, refused.out.status_code], [1, 0]);
    assert.match(refused.out.error, /^TLS with localhost:\d+ failed: /);
    const accepted = await request({ url, verify_ssl: false });
    assert.deepEqual([accepted.code, accepted.out.body], [0, "42"]);
    const byAddress = await request({
      url: url.replace("localhost", "127.0.0.1"),
      verify_ssl: false,
    });
    assert.equal(byAddress.out.body, "42");
    const trusted = await request({ url }, { DENO_CERT: join(dir, "ca.pem") });
    assert.deepEqual([trusted.code, trusted.out.body], [0, "42"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

/** Makes ca.pem, cert.pem and key.pem for localhost; false when there is no openssl. */
async function selfSigned(dir: string): Promise<boolean> {
  const openssl = async (...args: string[]) => {
    const command = new Deno.Command("openssl", {
      args,
      cwd: dir,
      stdout: "null",
      stderr: "piped",
    });
    const { success, stderr } = await command.output();
    assert.ok(success, new TextDecoder().decode(stderr));
  };
  const ext = join(dir, "ext");
  await Deno.writeTextFile(
    ext,
    "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n",
  );
  try {
    await openssl(
      ..."req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test"
        .split(" "),
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  await openssl(
    ..."req -newkey rsa:2048 -nodes -keyout key.pem -out r.csr -subj /CN=localhost"
      .split(" "),
  );
  await openssl(
    ..."x509 -req -in r.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out cert.pem"
      .split(" "),
  );
  return true;
}
