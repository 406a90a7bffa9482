/** Puts a worker together: the only file that says `new` for everything. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { GatewayConfigWatch, type LiveGatewayConfig, wantsTraces } from "@openclaw/config";
import { Metrics, measureRedis, tellVitals, troublesOf } from "@openclaw/metrics";
import { QueueLimits, RunIntake, RunQueues } from "@openclaw/queue";
import {
  AdminServer,
  connectionPart,
  createBlockingConnection,
  createCommandConnection,
  createSubscriberConnection,
  type Logger,
  NodeRegistry,
  type Part,
  ReadinessLog,
  RedisPulse,
} from "@openclaw/runtime";
import {
  Appender,
  DEFAULT_RETENTION,
  RunRecords,
  StreamKeys,
  Subscription,
} from "@openclaw/stream";
import { Tracing } from "@openclaw/tracing";
import type { WorkerConfig } from "./config.ts";
import { ServedProviders } from "./intake/served-providers.ts";
import { createProviderClient } from "./provider/provider-client.ts";
import { ProviderMeters } from "./provider/provider-meter.ts";
import { rehearse } from "./provider/rehearsal.ts";
import { ActiveAttempts } from "./run/active-attempts.ts";
import { AttemptCounts } from "./run/attempt-counts.ts";
import { AttemptMeter } from "./run/attempt-meter.ts";
import { executeRun } from "./run/execute-run.ts";
import { HedgeBudget } from "./run/hedge.ts";
import { traceAttempt } from "./run/trace-attempt.ts";
import { measureAppends, tellWorker } from "./worker-gauges.ts";

/** When a removed provider is left though edges still send runs for it: they will not learn. */
const LEAVE_WITHIN_MS = 600_000;

/** The parts of one worker process, in the order they start. */
export function createWorker(
  config: WorkerConfig,
  gateway: LiveGatewayConfig,
  processLog: Logger,
): readonly Part[] {
  const node = `worker-${randomUUID().slice(0, 8)}`;
  const log = processLog.child({ node });
  const keyPrefix = config.REDIS_KEY_PREFIX;
  const connection = { url: config.REDIS_URL, log };
  const commands = createCommandConnection({ ...connection, name: `${node}:commands` });
  const queueing = createBlockingConnection({ ...connection, name: `${node}:queue` });
  const subscriber = createSubscriberConnection({ ...connection, name: `${node}:subscriber` });

  const keys = new StreamKeys({ prefix: keyPrefix, partitions: config.REDIS_PARTITIONS });
  const retention = { ...DEFAULT_RETENTION, resumeWindowMs: config.RESUME_WINDOW_MS };
  const records = new RunRecords(commands, keys, retention);
  const tracing = new Tracing({ isOn: wantsTraces(config), service: "worker", node, log });
  const metrics = new Metrics({ kind: "worker", gateway });
  const redisMeter = measureRedis(metrics);
  const onCall = measureAppends(metrics, redisMeter("append"));
  const appender = new Appender(commands, keys, { retention, onCall });
  const attempts = new ActiveAttempts();
  const counts = new AttemptCounts();
  const attemptMeter = new AttemptMeter(metrics, counts);
  const providerMeters = new ProviderMeters(metrics);
  const hedges = new HedgeBudget(() => gateway.current.hedgeBudget);
  const subscription = new Subscription({
    subscriber,
    commands,
    keys,
    node,
    log,
    onBatch: (batch) => attempts.onBatch(batch),
    // A cancel that was missed is learnt with the next append, a second later at most.
    onRestored: () => attempts.missedSomething(),
  });
  const registry = new NodeRegistry({
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
    }),
    takeTotals: () => counts.takeTotals(),
  });
  const queues = new RunQueues({
    redis: commands,
    keyPrefix,
    providers: () => Object.keys(gateway.current.providers),
  });
  const limits = new QueueLimits({
    redis: commands,
    keyPrefix,
    queues,
    // A provider's configuration says it in the same words.
    limits: () => gateway.current.providers,
    onRest: (provider, forMs) => providers.rest(provider, forMs),
    log,
  });
  const providers = new ServedProviders({
    gateway,
    limits,
    log,
    leaving: { emptyMs: config.WORKER_LEAVE_MS, mostMs: LEAVE_WITHIN_MS },
    createClient: (name, provider) =>
      createProviderClient({
        name,
        config: provider,
        circuitFailures: config.WORKER_CIRCUIT_FAILURES,
        meter: providerMeters.of(name),
        log,
      }),
    createIntake: (intake) => new RunIntake({ redis: queueing, keyPrefix, log, ...intake }),
    // A run beyond its sockets would wait here for one while another worker has some to spare.
    concurrencyOf: ({ maxConcurrency, pool }) =>
      Math.min(config.WORKER_CONCURRENCY, maxConcurrency, pool.connections),
    count: (provider) => queues.counts(provider),
    execute: (job, provider) =>
      traceAttempt(tracing, job, { provider, counts: attemptMeter.of(provider.name) }, (tools) =>
        executeRun(job, {
          ...tools,
          records,
          queues,
          appender,
          attempts,
          limits,
          hedges,
          node,
          maxAttempts: config.WORKER_MAX_ATTEMPTS,
          log,
        }),
      ),
  });

  const { probes } = keys;
  const onAnswer = redisMeter("ping");
  const pulse = new RedisPulse({ redis: commands, keys: probes, log, onAnswer });
  const queuePulse = new RedisPulse({ redis: queueing, keys: probes, log });
  const vitals = {
    redis: () => pulse.alive && queuePulse.alive,
    subscription: () => subscription.alive,
  };
  const admin = new AdminServer({
    host: config.WORKER_ADMIN_HOST,
    port: config.WORKER_ADMIN_PORT,
    metrics,
    troubles: () => troublesOf(vitals),
    log,
  });
  tellVitals(metrics, { ...vitals, troubles: () => admin.troubles() });
  tellWorker(metrics, { gateway, attempts, limits });

  return [
    admin,
    tracing,
    new GatewayConfigWatch({ gateway, log }),
    connectionPart("command connection", commands),
    connectionPart("queue connection", queueing),
    pulse,
    queuePulse,
    subscription,
    appender,
    queues,
    limits,
    // Before the first provider is served, and never again.
    { name: "rehearsal", start: () => rehearse(log), stop: async () => undefined },
    providers,
    registry,
    // Stops before them: runs at work are handed back before their providers are closed.
    attempts,
    admin.readiness,
    new ReadinessLog({ troubles: () => admin.troubles(), log }),
  ];
}
