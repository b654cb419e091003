/**
 * Runs the tests with the servers they need: one private PostgreSQL for the
 * whole run, and the paths of the real servers of this machine. Arguments go
 * to `deno test`. The last line is `N passed, N failed`.
 */
import { findNats, findPostgres } from "../tests/support/find_servers.ts";
import { startTestServer } from "../tests/support/test_server.ts";
import { runDenoTest } from "../tests/support/run_deno_test.ts";

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(name, () => stop.abort(name));
}

Deno.exitCode = await main();

async function main(): Promise<number> {
  const [postgres, nats] = await Promise.all([findPostgres(), findNats()]);
  await using server = await startTestServer(postgres?.path);
  const used = [
    server.name,
    postgres
      ? `real PostgreSQL ${postgres.path}, ${postgres.version}`
      : "no real PostgreSQL found",
    nats ? `nats-server ${nats.version}` : "no nats-server found",
  ];
  print(`Servers: ${used.join("; ")}`);
  const { success, counts } = await runDenoTest({
    args: Deno.args,
    env: {
      ATTUNE_TEST_DATABASE_URL: server.url,
      ...(postgres && { ATTUNE_TEST_POSTGRES_BIN: postgres.path }),
      ...(nats && { ATTUNE_TEST_NATS_SERVER: nats.path }),
    },
    signal: stop.signal,
  });
  print(`Servers: ${used.join("; ")}`);
  const { passed, failed, skipped } = counts;
  const inCi = Boolean(Deno.env.get("CI"));
  if (passed + failed === 0) print("No test ran: that is a failure");
  if (skipped > 0 && inCi) print(`${skipped} ignored: in CI that is a failure`);
  print(
    `${passed} passed, ${failed} failed` +
      (skipped > 0 ? `, ${skipped} skipped` : ""),
  );
  const good = success && passed > 0 && failed === 0 &&
    !(skipped > 0 && inCi);
  return good ? 0 : 1;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
