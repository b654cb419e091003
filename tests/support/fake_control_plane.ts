import type { Bus } from "../../src/bus/bus.ts";
import { embeddedBus } from "../../src/bus/embedded.ts";
import type {
  ClaimedItem,
  ClaimRequest,
  ExecutionSpec,
  HeartbeatAnswer,
  HeartbeatRequest,
  Held,
  LogAnswer,
  LogRequest,
  OutcomeReport,
  OutcomesRequest,
  PhaseReport,
  RegisterAnswer,
  RegisterRequest,
} from "../../src/domain/agent_protocol.ts";
import { NUDGE, QUEUE } from "../../src/domain/changes.ts";

/** The agent's side of the API over a real port, with the bus of this process. Everything it is told is kept. */
export interface FakeControlPlane extends AsyncDisposable {
  readonly url: string;
  readonly bus: Bus;
  readonly registrations: RegisterRequest[];
  readonly heartbeats: HeartbeatRequest[];
  readonly claims: ClaimRequest[];
  readonly phases: PhaseReport[];
  /** Bytes of each log, `<id>.<stream>`. */
  readonly logs: Map<string, string>;
  readonly uploads: Map<string, Uint8Array>;
  readonly results: Map<number, unknown>;
  /** Outcomes that came over the API. */
  readonly posted: OutcomeReport[];
  readonly downloads: string[];
  /** Every outcome that came over the bus, doubles included. */
  readonly queued: OutcomeReport[];
  /** Archives by content hash. */
  readonly packs: Map<string, Uint8Array>;
  /** The next claim is carried out, and its answer lost. */
  loseClaimAnswer: boolean;
  goodbyes: number;
  /** Requests whose path begins with one of these are answered with 503. */
  away: string[];
  /** The next request with the agent's token is answered with this status. */
  refuseOnce: number | undefined;
  /** Settled outcomes are not confirmed while this is false. */
  confirms: boolean;
  heartbeatMs: number;
  leaseMs: number;
  holdPhase: boolean;
  /** Offers work; resolves with its outcome. */
  execute(spec: SpecParts): Work;
  cancel(id: number): void;
  /** Takes the attempt away. */
  lose(id: number): void;
  /** Resolves when `check` holds; looked at after each request and outcome. */
  seen(check: () => boolean): Promise<void>;
}

/** `fault`: the claim is answered with it. */
export type SpecParts = Partial<ExecutionSpec> & Pick<ClaimedItem, "fault">;

export interface Work {
  id: number;
  spec: ExecutionSpec;
  outcome: Promise<OutcomeReport>;
}

const KEY = "0123456789abcdef";

export async function fakeControlPlane(): Promise<FakeControlPlane> {
  const bus = embeddedBus();
  await bus.openQueue(QUEUE.work(KEY));
  await bus.openQueue(QUEUE.outcome);
  const specs = new Map<number, ExecutionSpec>();
  const leases = new Map<number, string>();
  const faults = new Map<number, ClaimedItem["fault"]>();
  const outcomes = new Map<number, PromiseWithResolvers<OutcomeReport>>();
  const ended = new Set<number>();
  const cancelled = new Set<number>();
  const lost = new Set<number>();
  let waiting: { check: () => boolean; resolve: () => void }[] = [];
  let nextId = 1;

  function look() {
    const met = waiting.filter(({ check }) => check());
    waiting = waiting.filter((one) => !met.includes(one));
    for (const { resolve } of met) resolve();
  }

  function settle(report: OutcomeReport) {
    ended.add(report.id);
    outcomes.get(report.id)?.resolve(report);
    for (const { stream, offset, data } of report.logs) {
      append(report.id, stream, offset, data);
    }
  }

  function append(id: number, stream: string, offset: number, data: string) {
    const key = `${id}.${stream}`;
    const known = plane.logs.get(key) ?? "";
    if (known.length < offset) return known.length;
    plane.logs.set(key, known.slice(0, offset) + atob(data));
    return null;
  }

  const taker = bus.take<OutcomeReport>(QUEUE.outcome);
  taker.want(100_000);
  async function takeOutcomes() {
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- as they come
      const deliveries = await taker.next();
      if (deliveries === undefined) return;
      for (const delivery of deliveries) {
        plane.queued.push(delivery.body);
        settle(delivery.body);
        delivery.ack();
      }
      look();
    }
  }

  function heartbeat(request: HeartbeatRequest): HeartbeatAnswer {
    plane.heartbeats.push(request);
    const item = ({ id, attempt }: Held) => ({ id, attempt });
    const isGone = ({ id, lease }: Held) =>
      lost.has(id) || leases.get(id) !== lease ||
      (ended.has(id) && plane.confirms);
    return {
      keys: request.stopping ? [] : [KEY],
      cancel: request.running.filter(({ id }) => cancelled.has(id)).map(item),
      gone: [...request.running, ...request.unsettled].filter(isGone).map(item),
    };
  }

  function claim(request: ClaimRequest): { items: ClaimedItem[] } {
    plane.claims.push(request);
    return {
      items: request.items.map(({ id, attempt, lease }) => {
        const spec = specs.get(id);
        const fault = faults.get(id);
        if (fault !== undefined) return { id, attempt, fault };
        const held = leases.get(id);
        if (
          spec === undefined || spec.attempt !== attempt ||
          (held !== undefined && held !== lease)
        ) return { id, attempt };
        leases.set(id, lease);
        return { id, attempt, spec: { ...spec, lease } };
      }),
    };
  }

  function registered(request: RegisterRequest): RegisterAnswer {
    plane.registrations.push(request);
    return {
      worker_id: 7,
      token: "agent-token",
      heartbeat_ms: plane.heartbeatMs,
      lease_ms: plane.leaseMs,
      bus: { kind: "embedded" },
      api_url: null,
      runtimes: [],
    };
  }

  async function answer(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname.replace("/api/v1/agent/", "");
    if (plane.away.some((prefix) => path.startsWith(prefix))) {
      await request.body?.cancel();
      return new Response("away", { status: 503 });
    }
    const token = path === "register" ? "join-token" : "agent-token";
    const refused = path === "register" ? undefined : plane.refuseOnce;
    if (refused !== undefined) plane.refuseOnce = undefined;
    if (
      refused !== undefined ||
      request.headers.get("authorization") !== `Bearer ${token}`
    ) {
      await request.body?.cancel();
      return Response.json({ error: "no" }, { status: refused ?? 401 });
    }
    const [first, id, kind, ...rest] = path.split("/");
    if (first === "packs") {
      plane.downloads.push(path);
      const archive = plane.packs.get(kind!);
      return archive === undefined
        ? Response.json({ error: "no such pack" }, { status: 404 })
        : new Response(archive as Uint8Array<ArrayBuffer>);
    }
    if (first === "executions" && kind === "artifacts") {
      const name = rest.map(decodeURIComponent).join("/");
      plane.uploads.set(name, new Uint8Array(await request.arrayBuffer()));
      return Response.json({ artifact_ref: name, version: 1 });
    }
    const body = await request.json();
    if (first === "executions") {
      plane.results.set(Number(id), body);
      return Response.json({ artifact_ref: `result.${id}`, version: 1 });
    }
    switch (path) {
      case "register":
        return Response.json(registered(body));
      case "heartbeat":
        return Response.json(heartbeat(body));
      case "claim": {
        const answer = claim(body);
        if (!plane.loseClaimAnswer) return Response.json(answer);
        plane.loseClaimAnswer = false;
        return new Response("lost", { status: 502 });
      }
      case "phase":
        plane.phases.push(body);
        return Response.json({ held: plane.holdPhase });
      case "logs": {
        const gaps: LogAnswer["gaps"] = [];
        for (const chunk of (body as LogRequest).chunks) {
          const { id, attempt, stream, offset, data } = chunk;
          const expected = append(id, stream, offset, data);
          if (expected !== null) gaps.push({ id, attempt, stream, expected });
        }
        return Response.json({ refused: [], gaps } satisfies LogAnswer);
      }
      case "outcomes":
        for (const report of (body as OutcomesRequest).outcomes) {
          plane.posted.push(report);
          settle(report);
        }
        return Response.json({ refused: [] });
      case "goodbye":
        plane.goodbyes++;
        return Response.json({});
    }
    return Response.json({ error: path }, { status: 404 });
  }

  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      const response = await answer(request);
      look();
      return response;
    },
  );

  const plane: FakeControlPlane = {
    url: `http://127.0.0.1:${server.addr.port}`,
    bus,
    registrations: [],
    heartbeats: [],
    claims: [],
    phases: [],
    logs: new Map(),
    uploads: new Map(),
    results: new Map(),
    posted: [],
    downloads: [],
    queued: [],
    packs: new Map(),
    loseClaimAnswer: false,
    goodbyes: 0,
    away: [],
    refuseOnce: undefined,
    confirms: true,
    heartbeatMs: 5_000,
    leaseMs: 15_000,
    holdPhase: true,
    execute({ fault, ...parts }) {
      const id = parts.id ?? nextId++;
      const spec: ExecutionSpec = { ...BASE, id, chain_id: id, ...parts };
      specs.set(id, spec);
      if (fault !== undefined) faults.set(id, fault);
      const outcome = Promise.withResolvers<OutcomeReport>();
      outcomes.set(id, outcome);
      const { attempt } = spec;
      bus.send(QUEUE.work(KEY), [
        { id: `${id}.${attempt}`, body: { id, attempt } },
      ]);
      return { id, spec, outcome: outcome.promise };
    },
    cancel(id) {
      cancelled.add(id);
      bus.nudge(NUDGE.agent(7), {});
    },
    lose(id) {
      lost.add(id);
      bus.nudge(NUDGE.agent(7), {});
    },
    seen(check) {
      if (check()) return Promise.resolve();
      return new Promise((resolve) => waiting.push({ check, resolve }));
    },
    async [Symbol.asyncDispose]() {
      await taker[Symbol.asyncDispose]();
      await taking;
      await server.shutdown();
      await bus[Symbol.asyncDispose]();
    },
  };
  const taking = takeOutcomes();
  return plane;
}

/** An inline shell action that does nothing. */
const BASE: ExecutionSpec = {
  id: 0,
  attempt: 1,
  lease: "11111111-2222-3333-4444-555555555555",
  lease_ms: 15_000,
  action_ref: "acme.test",
  pack_ref: "acme",
  pack_version: "1.0.0",
  pack_hash: null,
  chain_id: 0,
  runtime: {
    name: "shell",
    ref: "core.shell",
    execution_config: {
      interpreter: { binary: "/bin/sh" },
      inline_execution: {
        strategy: "temp_file",
        extension: ".sh",
        inject_shell_helpers: true,
      },
    },
    versions: [],
  },
  runtime_version: null,
  entry_point: ":",
  inline: true,
  parameters: {},
  secret_names: [],
  parameter_delivery: "stdin",
  parameter_format: "json",
  output_format: "text",
  output_strict: false,
  output_schema: null,
  timeout_s: null,
  resources: {},
  permissions: {},
  env_vars: {},
  token: null,
  rule_ref: null,
  trigger_ref: null,
  rerun_when_lost: false,
};
