// deno-lint-ignore-file no-console -- it runs inside an action, whose output this is
/**
 * Imports a Deno action. A default export that is a function is called with
 * `(parameters, context)`, and what it returns becomes one line of JSON on
 * stdout; any other module is an ordinary script that has run by now.
 */
const env = Deno.env;
const entry = take("ATTUNE_DENO_ENTRY");
const parametersFile = take("ATTUNE_DENO_PARAMETERS");

function take(name) {
  const value = env.get(name);
  env.delete(name);
  return value;
}

function fileUrl(path) {
  const url = new URL("file:///");
  url.pathname = path.split("/").map(encodeURIComponent).join("/");
  return url.href;
}

async function readParameters() {
  const text = parametersFile === undefined
    ? await new Response(Deno.stdin.readable).text()
    : await Deno.readTextFile(parametersFile);
  return text.trim() === "" ? {} : JSON.parse(text);
}

function context() {
  const token = env.get("ATTUNE_API_TOKEN");
  return {
    execution_id: Number(env.get("ATTUNE_EXEC_ID")),
    action_ref: env.get("ATTUNE_ACTION"),
    pack_ref: env.get("ATTUNE_PACK_REF"),
    attempt: Number(env.get("ATTUNE_ATTEMPT")),
    api_url: env.get("ATTUNE_API_URL"),
    ...(token !== undefined && { api_token: token }),
    artifacts_dir: env.get("ATTUNE_ARTIFACTS_DIR"),
    work_dir: env.get("ATTUNE_WORK_DIR"),
  };
}

function writeAll(text) {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

function fail(error) {
  console.error(error instanceof Error && error.stack ? error.stack : error);
  Deno.exit(1);
}

try {
  const action = (await import(fileUrl(entry))).default;
  if (typeof action === "function") {
    // stdout belongs to the result while the function runs.
    for (const name of ["log", "info", "debug"]) console[name] = console.error;
    const result = await action(await readParameters(), context());
    writeAll(
      (JSON.stringify(result === undefined ? {} : result) ?? "null") + "\n",
    );
  }
} catch (error) {
  fail(error);
}
