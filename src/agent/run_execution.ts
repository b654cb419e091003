import type { LogChunk, OutcomeReport } from "../domain/agent_protocol.ts";
import type { Outcome } from "../domain/execution.ts";
import type { Isolation } from "../domain/isolation.ts";
import { secretNames } from "../domain/param_schema.ts";
import type { DetectedInterpreter } from "../domain/runtime.ts";
import type { Log } from "../log.ts";
import type { Sweeper } from "../process/descendants.ts";
import { actionEnvironment, searchPath } from "./action_environment.ts";
import type { ApiClient } from "./api_client.ts";
import {
  artifactsDirOf,
  isEmpty,
  keepForChain,
  uploadArtifacts,
} from "./artifacts_dir.ts";
import type { Attempt } from "./attempts.ts";
import { chooseRuntime, type Chosen } from "./choose_runtime.ts";
import { cleanJson } from "./clean_json.ts";
import { deliver } from "./deliver.ts";
import { findEntryPoint } from "./entry_point.ts";
import { isolationOf, isRequired, unenforced } from "./isolation.ts";
import { makeTurns } from "./in_turn.ts";
import { keepResult } from "./keep_result.ts";
import { notRun } from "./not_run.ts";
import { type Limits, limitsOf } from "./limits.ts";
import type { LogShipper } from "./log_shipper.ts";
import type { AgentOptions } from "./options.ts";
import type { PackStore } from "./pack_store.ts";
import { preparePack } from "./prepare_pack.ts";
import { refuseEnvironment } from "./refuse_environment.ts";
import { type Captured, runAction } from "./run_action.ts";
import { templates } from "./runtimes/interpreter.ts";
import { type ActionCall, Refused } from "./runtimes/runtime.ts";
import { toOutcome } from "./to_outcome.ts";
import { removeTree } from "./remove_tree.ts";
import type { WorkDir, WorkDirs } from "./work_dirs.ts";

export interface ExecutionDeps {
  options: AgentOptions;
  api: ApiClient;
  packs: PackStore;
  shipper: LogShipper;
  sweeper: Sweeper;
  workDirs: WorkDirs;
  /** Where artifacts directories of chains are kept between attempts. */
  artifactsRoot: string;
  /** The agent's own environment. */
  env: Readonly<Record<string, string | undefined>>;
  interpreters(): readonly DetectedInterpreter[];
  /** An interpreter that was detected is gone. */
  onRuntimeMissing(): void;
  /** Resolves when the control plane has confirmed what is held. */
  confirmHold(): Promise<void>;
  /** Work that nobody waits for but the end of the agent. */
  background(work: Promise<unknown>): void;
  workerId(): number;
  log: Log;
}

/** `secret`: the report may not travel over the bus. */
export interface Ran {
  report: OutcomeReport;
  secret: boolean;
}

/** An attempt that has everything it needs. */
interface Ready {
  call: ActionCall;
  chosen: Chosen;
  place: WorkDir;
  isolation: Isolation;
  limits: Limits;
}

interface Ended {
  outcome: Outcome;
  logs: LogChunk[];
}

/** Large outputs are made into results one at a time, however many end together: each is there several times over then. */
const inTurn = makeTurns();
const LARGE = 256 * 1024;

/** Less of a lease than this is not enough to start anything. */
const LEASE_LEFT_MS = 2_000;

/**
 * What happens to one execution. Undefined when the attempt is no longer this
 * agent's: nothing of it may be reported then. Never rejects.
 */
export async function runExecution(
  attempt: Attempt,
  deps: ExecutionDeps,
): Promise<Ran | undefined> {
  const log = deps.log.child({
    execution: attempt.held.id,
    attempt: attempt.held.attempt,
  });
  let outcome: Outcome | undefined;
  let isolation: Isolation | null = null;
  let logs: LogChunk[] = [];
  try {
    const ready = await prepare(attempt, deps);
    if (ready === undefined) return undefined;
    log.debug("started", { action: attempt.spec.action_ref });
    isolation = ready.isolation;
    ({ outcome, logs } = await runIn(ready, attempt, deps));
  } catch (error) {
    outcome = notRun(error, attempt, { ...deps, log });
  }
  if (outcome === undefined || attempt.gone) return undefined;
  log.info("ended", { status: outcome.status, reason: outcome.reason });
  const { spec, held } = attempt;
  return {
    report: {
      ...held,
      worker_id: deps.workerId(),
      status: outcome.status as OutcomeReport["status"],
      reason: outcome.reason,
      result: outcome.result,
      isolation: outcome.result.exit_code === undefined ? null : isolation,
      usage: null,
      logs: logs.map(({ stream, offset, data }) => ({ stream, offset, data })),
    },
    secret: secretNames(spec.output_schema).length > 0,
  };
}

/** Everything before the spawn. Undefined when the attempt went to somebody else meanwhile. */
async function prepare(
  attempt: Attempt,
  deps: ExecutionDeps,
): Promise<Ready | undefined> {
  const { spec, signal } = attempt;
  const { options, env } = deps;
  const pack = await preparePack(attempt, deps);
  if (!pack.held) return undefined;
  const path = searchPath(env);
  const chosen = await chooseRuntime(spec, deps.interpreters(), path);
  const isolation = isolationOf(spec, chosen.runtime.name);
  refuseUnenforceable(attempt, isolation, chosen);
  refuseEnvironment(chosen.config, pack.dir);
  const actionFile = spec.inline ? null : findEntryPoint(spec, pack.dir);

  // A pause of this process may have outlived the lease.
  if (performance.now() > attempt.leaseUntil - LEASE_LEFT_MS) {
    await deps.confirmHold();
  }
  signal.throwIfAborted();
  const place = deps.workDirs.take();
  try {
    const artifactsDir = artifactsDirOf(spec, {
      root: deps.artifactsRoot,
      fresh: place.artifacts,
    });
    const delivered = deliver(spec, place.path);
    const where = {
      packDir: pack.dir,
      actionFile,
      workDir: place.path,
      artifactsDir,
      interpreter: chosen.interpreter,
    };
    const call: ActionCall = {
      spec,
      config: chosen.config,
      ...where,
      env: actionEnvironment({
        spec,
        config: chosen.config,
        agent: env,
        passthrough: options.envPassthrough,
        workDir: place.path,
        artifactsDir,
        runtimeEnvsDir: options.runtimeEnvsDir,
        apiUrl: deps.api.baseUrl,
        templates: templates(where),
        delivered: delivered.env,
      }),
      stdin: delivered.stdin,
    };
    return { call, chosen, place, isolation, limits: limitsOf(spec, options) };
  } catch (error) {
    deps.workDirs.giveBack(place, Promise.resolve());
    throw error;
  }
}

/** Runs it, judges it, and sees to it that nothing is left behind. */
async function runIn(
  ready: Ready,
  attempt: Attempt,
  deps: ExecutionDeps,
): Promise<Ended> {
  const { call, chosen, place, limits } = ready;
  const { sweeper } = deps;
  sweeper.begin(place.path);
  let leftovers: Promise<void> | null = null;
  try {
    const captured = await runAction(call, {
      runtime: chosen.runtime,
      limits,
      attempt,
      killGraceMs: deps.options.killGraceMs,
      shipper: deps.shipper,
      endStrays: (graceMs) => sweeper.end(place.path, { now: true, graceMs }),
    });
    leftovers = captured.leftovers;
    const { exit } = captured;
    // Those outside of the group have had the grace of those inside.
    if (exit.kind === "stopped" && exit.forced) {
      sweeper.end(place.path, { graceMs: 0 });
    } else sweeper.end(place.path);
    const end = () => conclude(captured, ready, attempt, deps);
    return await (captured.stdout.settled > LARGE ? inTurn(end) : end());
  } finally {
    sweeper.end(place.path);
    const alone = Promise.all([leftovers, sweeper.swept()]);
    deps.workDirs.giveBack(place, alone);
  }
}

/** The log goes first: of what it has carried nothing needs to be kept. */
async function conclude(
  captured: Captured,
  ready: Ready,
  attempt: Attempt,
  deps: ExecutionDeps,
): Promise<Ended> {
  if (attempt.gone) captured.feed.drop();
  const logs = await captured.feed.finish();
  return { outcome: await judge(captured, ready, attempt, deps), logs };
}

/** The outcome, with large parts of it stored where they belong. */
async function judge(
  captured: Captured,
  { call, limits }: Ready,
  attempt: Attempt,
  deps: ExecutionDeps,
): Promise<Outcome> {
  const { spec } = attempt;
  const outcome = toOutcome(spec, captured);
  const warnings = [...limits.warnings];
  if (!attempt.gone && !isEmpty(call.artifactsDir)) {
    warnings.push(...await storeArtifacts(outcome, call, attempt, deps));
  }
  if (warnings.length > 0) {
    outcome.result.warnings = [...outcome.result.warnings ?? [], ...warnings];
  }
  outcome.result = cleanJson(outcome.result);
  return attempt.gone ? outcome : await keepResult(outcome, attempt, deps);
}

/** Uploads what the action wrote, and keeps it where a retry looks for it. */
async function storeArtifacts(
  outcome: Outcome,
  { artifactsDir }: ActionCall,
  attempt: Attempt,
  deps: ExecutionDeps,
) {
  const { api, log, artifactsRoot: root } = deps;
  const faults = await uploadArtifacts(artifactsDir, { api, attempt, log });
  const { chain_id: chainId } = attempt.spec;
  if (outcome.status !== "completed" || faults.length > 0) {
    await keepForChain(artifactsDir, { root, chainId });
  } else await removeTree(artifactsDir);
  return faults;
}

function refuseUnenforceable(
  { spec }: Attempt,
  isolation: Isolation,
  { runtime }: Chosen,
): void {
  if (!isRequired(spec.permissions)) return;
  const missing = unenforced(isolation, runtime.name);
  if (missing.length === 0) return;
  throw new Refused(
    "sandbox",
    `The action requires its sandbox, which this agent cannot enforce: ${
      missing.join("; ")
    }. Set permissions.sandbox to best_effort to run it anyway`,
  );
}
