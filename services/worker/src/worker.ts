/** Puts a worker together, with `worker-redis.ts` and `worker-providers.ts`. Only these three say `new` for its parts. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import {
  GatewayConfigWatch,
  type LiveGatewayConfig,
  wantsTraces,
  warnOfShortDrain,
} from "@openclaw/config";
import { Metrics, registerVitals, troublesOf } from "@openclaw/metrics";
import { BuildRoster } from "@openclaw/queue";
import {
  AdminServer,
  type Component,
  codeHash,
  connectionComponent,
  type Logger,
  NodeRegistry,
  ReadinessLog,
  redisRights,
} from "@openclaw/runtime";
import { Tracing } from "@openclaw/tracing";
import type { WorkerConfig } from "./config.ts";
import type { ServedProviders } from "./intake/served-providers.ts";
import { ActiveAttempts } from "./run/active-attempts.ts";
import { warmUp } from "./run/warm-up.ts";
import { AttemptCounts } from "./telemetry/attempt-counts.ts";
import { registerGauges } from "./telemetry/worker-gauges.ts";
import { createProviders } from "./worker-providers.ts";
import { createRedis, type WorkerDeps, type WorkerRedis } from "./worker-redis.ts";

/** How long the sign of a leaving build outlasts a drain. The next worker of the build may start its drain later. */
const SIGN_STAYS_MS = 10_000;

/** The parts of one worker process, in the order they start. */
export function createWorker(
  config: WorkerConfig,
  gateway: LiveGatewayConfig,
  processLog: Logger,
): readonly Component[] {
  const node = `worker-${randomUUID().slice(0, 8)}`;
  const log = processLog.child({ node });
  const base = { config, gateway, node, log };

  const tracing = new Tracing({ isOn: wantsTraces(config), service: "worker", node, log });
  const metrics = new Metrics({ kind: "worker", gateway });
  const attempts = new ActiveAttempts();
  const counts = new AttemptCounts();
  const redis = createRedis(base, { metrics, attempts });
  const nodes = () => registry.ids();
  const tools = { metrics, tracing, attempts, counts, nodes };
  const { limits, providers } = createProviders(base, redis, tools);
  const { commands, queueing, pulse, queuePulse, subscription, appender, queues } = redis;
  const registry = createRegistry(base, redis, { attempts, counts, providers });
  const vitals = {
    redis: () => pulse.alive && queuePulse.alive,
    subscription: () => subscription.alive,
    writeRefusal: () => registry.writeRefusal,
  };
  const admin = new AdminServer({
    host: config.WORKER_ADMIN_HOST,
    port: config.WORKER_ADMIN_PORT,
    metrics,
    troubles: () => troublesOf(vitals),
    log,
  });
  const drainMs = config.WORKER_DRAIN_MS;
  const build = config.WORKER_BUILD ?? codeHash(import.meta.dirname);
  const roster = new BuildRoster({
    redis: commands,
    keyPrefix: redis.keyPrefix,
    build,
    signMs: drainMs + SIGN_STAYS_MS,
    onTakes: (takes) => providers.hold(!takes),
    log,
  });
  warnOfShortDrain({ gateway, setting: "WORKER_DRAIN_MS", drainMs, log });
  const partitions = config.REDIS_PARTITIONS;
  const warmUpOptions = { redis: commands, keyPrefix: redis.keyPrefix, partitions, log };
  const troubles = () => admin.troubles();
  registerVitals(metrics, { ...vitals, troubles });
  registerGauges(metrics, { gateway, attempts, limits });

  return [
    admin,
    tracing,
    new GatewayConfigWatch({ gateway, log }),
    connectionComponent("command connection", commands),
    redisRights({ redis: commands, keyPrefix: redis.keyPrefix }),
    connectionComponent("queue connection", queueing),
    pulse,
    queuePulse,
    subscription,
    appender,
    queues,
    limits,
    // Once, before the first provider is served.
    { name: "warm-up", start: () => warmUp(warmUpOptions), stop: async () => undefined },
    providers,
    // From here on, workers of another build may leave their runs to this worker.
    roster,
    registry,
    // Stops before the providers: runs at work are released before their sockets are closed.
    attempts,
    admin.readiness,
    new ReadinessLog({ troubles, log }),
  ];
}

/** Reports this worker to the cluster. */
function createRegistry(
  { node, log }: WorkerDeps,
  { commands, keyPrefix }: WorkerRedis,
  { attempts, counts, providers }: Reported,
): NodeRegistry {
  return new NodeRegistry({
    redis: commands,
    keyPrefix,
    id: node,
    kind: "worker",
    log,
    describe: () => ({
      host: hostname(),
      pid: process.pid,
      activeRuns: attempts.count,
      providers: providers.health(),
      places: providers.places(),
    }),
    takeTotals: () => counts.takeTotals(),
  });
}

interface Reported {
  readonly attempts: ActiveAttempts;
  readonly counts: AttemptCounts;
  readonly providers: ServedProviders;
}
