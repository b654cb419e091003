import { join } from "node:path";
import type {
  Capabilities,
  ClaimedItem,
  ExecutionSpec,
  Held,
  LogAnswer,
  RegisterAnswer,
} from "../domain/agent_protocol.ts";
import { NUDGE, QUEUE } from "../domain/changes.ts";
import type { DetectedInterpreter } from "../domain/runtime.ts";
import { makeSweeper } from "../process/descendants.ts";
import { searchPath } from "./action_environment.ts";
import { makeApiClient } from "./api_client.ts";
import { removeOldArtifacts } from "./artifacts_dir.ts";
import { makeAttempts } from "./attempts.ts";
import { detectInterpreters } from "./detect.ts";
import { startHeart } from "./heartbeat.ts";
import { watchLeases } from "./lease_watch.ts";
import { makeLogShipper } from "./log_shipper.ts";
import { describe, findDescribed, offer } from "./offer.ts";
import type { Agent, AgentDeps, AgentOptions } from "./options.ts";
import { openBus } from "./open_bus.ts";
import { readSpool } from "./outcome_files.ts";
import { openOutcomeSpool } from "./outcome_spool.ts";
import { makePackStore } from "./pack_store.ts";
import { register } from "./register.ts";
import { type ExecutionDeps, runExecution } from "./run_execution.ts";
import { openStateDir } from "./state_dir.ts";
import { stopAgent } from "./stop_agent.ts";
import { openIntake } from "./take_work.ts";
import { failed } from "./to_outcome.ts";
import { removeTree } from "./remove_tree.ts";
import { makeWorkDirs } from "./work_dirs.ts";

/** A missing interpreter makes the agent look again, not more often than this. */
const DETECT_EVERY_MS = 30_000;
/** More outcomes without confirmation than this call for a heartbeat. */
const UNSETTLED_MANY = 500;

/**
 * Starts an agent: finds out what it can run, registers (and waits for the
 * control plane as long as that takes, or until `signal` aborts), and takes
 * work. Throws when the state directory is in use or the control plane refuses
 * this agent (`ApiRefused`).
 */
export async function startAgent(
  options: AgentOptions,
  deps: AgentDeps,
  { signal = new AbortController().signal }: { signal?: AbortSignal } = {},
): Promise<Agent> {
  const { log } = deps;
  // The API keeps its files in the same volume.
  const artifactsRoot = join(options.artifactsDir, ".executions");
  await using open = new AsyncDisposableStack();
  const state = open.use(await openStateDir(options.stateDir));
  const sweeper = open.use(makeSweeper({
    workRoot: state.work,
    graceMs: options.killGraceMs,
    log,
  }));
  const workDirs = open.use(makeWorkDirs({ root: state.work }));
  const background = new Set<Promise<unknown>>();
  const inBackground = (work: Promise<unknown>) => {
    background.add(work);
    work.catch((error) => log.error("background work failed", { error }))
      .finally(() => background.delete(work));
  };
  inBackground(clearFormerLife());

  async function clearFormerLife() {
    const names = await Array.fromAsync(
      Deno.readDir(state.work),
      (e) => e.name,
    );
    await sweeper.swept({ soon: true });
    await Promise.all(names.map((name) => removeTree(join(state.work, name))));
    await removeOldArtifacts(artifactsRoot);
  }

  const api = makeApiClient(options.apiUrl);
  const env = Deno.env.toObject();
  const path = searchPath(env);
  const registered = { id: 0, rows: [] as RegisterAnswer["runtimes"] };
  let interpreters: DetectedInterpreter[] = [];
  let capabilities: Capabilities;
  let detectAgainAt = 0;

  async function detect() {
    const [probed, described] = await Promise.all([
      detectInterpreters({ path }),
      findDescribed(registered.rows, path),
    ]);
    interpreters = [...probed, ...described];
    capabilities = offer(interpreters, options, { rows: registered.rows, log });
    log.info(`Detected runtimes: ${describe(interpreters)}`);
  }

  const former = (await readSpool(state.spool, log)).map(({ report }) =>
    heldOf(report)
  );
  let held = () => former;

  async function enroll(): Promise<RegisterAnswer> {
    const answer = await register({
      api,
      options,
      instanceId: state.instanceId,
      capabilities,
      held,
      log,
      signal,
    });
    registered.id = answer.worker_id;
    registered.rows = answer.runtimes;
    log.info("registered", { worker: answer.worker_id });
    return answer;
  }

  await detect();
  log.info(
    `Registering worker with capabilities: [${
      capabilities!.runtimes.join(", ")
    }]`,
  );
  log.warn(
    "This version confines deno actions only; what an action's permissions ask for beyond that is named in its isolation",
  );
  const answer = await enroll();
  const described = await findDescribed(registered.rows, path);
  if (described.length > 0) {
    interpreters = [...interpreters, ...described];
    capabilities = offer(interpreters, options, { rows: registered.rows, log });
  }
  const bus = await openBus(answer.bus, deps, signal);
  if (bus !== deps.bus) open.use(bus);

  const spool = open.use(
    await openOutcomeSpool({
      dir: state.spool,
      sendBus: (messages) => bus.send(QUEUE.outcome, messages),
      sendApi: (outcomes) => api.call("outcomes", { json: { outcomes } }),
      log,
    }),
  );
  const attempts = makeAttempts();
  held = () => [...attempts.all().map((one) => one.held), ...spool.unsettled()];
  const execution: ExecutionDeps = {
    options,
    api,
    packs: makePackStore({
      api,
      cacheDir: state.packs,
      packsBaseDir: options.packsBaseDir,
      log,
    }),
    shipper: makeLogShipper({
      send: (request) => api.call<LogAnswer>("logs", { json: request }),
      log,
    }),
    sweeper,
    workDirs,
    artifactsRoot,
    env,
    interpreters: () => interpreters,
    onRuntimeMissing() {
      if (performance.now() < detectAgainAt) return;
      detectAgainAt = performance.now() + DETECT_EVERY_MS;
      inBackground(detect());
    },
    confirmHold: () => heart.once(),
    background: inBackground,
    workerId: () => registered.id,
    log,
  };

  async function run(spec: ExecutionSpec, claimedAt: number): Promise<void> {
    const attempt = attempts.add(spec, claimedAt);
    const ran = await runExecution(attempt, execution);
    if (ran !== undefined) {
      spool.add(ran.report, ran);
      if (spool.size > UNSETTLED_MANY) heart.soon();
    }
    attempts.remove(attempt);
  }

  function reportFault({ id, attempt, fault }: ClaimedItem) {
    const { lease, reason, message } = fault!;
    spool.add({
      id,
      attempt,
      lease,
      worker_id: registered.id,
      status: "failed",
      reason,
      result: failed(reason, message).result,
      isolation: null,
      usage: null,
      logs: [],
    });
  }

  let stopping = false;
  const intake = openIntake({
    bus,
    slots: options.maxConcurrentExecutions,
    claim: (items) => api.call("claim", { json: { items } }),
    holds: (id, attempt) => attempts.has(id, attempt) || spool.has(id, attempt),
    run(spec, claimedAt) {
      const running = run(spec, claimedAt);
      inBackground(running);
      return running;
    },
    onFault: reportFault,
    log,
  });
  const heart = startHeart({
    api,
    everyMs: answer.heartbeat_ms,
    leaseMs: answer.lease_ms,
    log,
    attempts,
    freeSlots: () => intake.freeSlots,
    unsettled: () => spool.unsettled(),
    capabilities: () => capabilities,
    stopping: () => stopping,
    onKeys: (keys) => intake.setKeys(keys),
    onSettled: (reported, gone) => spool.confirm(reported, gone),
    onUnknown: () =>
      enroll().then(watchNudges)
        .catch((error) => log.error("cannot register again", { error })),
  });
  open.defer(() => intake.close());
  open.use(heart);
  open.use(watchLeases(attempts, log));
  open.use(bus.onReconnect(() => {
    spool.retryNow();
    heart.soon();
  }));

  let watched: { id: number; watching: Disposable } | undefined;
  open.defer(() => watched?.watching[Symbol.dispose]());
  async function watchNudges() {
    const { id } = registered;
    if (watched?.id === id) return;
    watched?.watching[Symbol.dispose]();
    const subject = NUDGE.agent(id);
    watched = { id, watching: await bus.watch(subject, () => heart.soon()) };
  }
  await watchNudges();

  const opened = open.move();
  let stopped: Promise<void> | undefined;
  return {
    get workerId() {
      return registered.id;
    },
    get running() {
      return attempts.size;
    },
    [Symbol.asyncDispose]() {
      stopping = true;
      return stopped ??= stopAgent({
        intake,
        heart,
        attempts,
        spool,
        sweeper,
        api,
        background,
        shutdownTimeoutMs: options.shutdownTimeoutMs,
        killGraceMs: options.killGraceMs,
        hard: deps.hard,
        log,
      }).finally(() => opened.disposeAsync());
    },
  };
}

function heldOf({ id, attempt, lease }: Held): Held {
  return { id, attempt, lease };
}
