/** Creates the providers that a worker serves, and the execution of their runs. */
import { placesOf } from "@openclaw/config";
import type { Metrics } from "@openclaw/metrics";
import {
  AccountVerdicts,
  QueueLimits,
  RunIntake,
  type RunJob,
  type UnreadableJob,
} from "@openclaw/queue";
import type { Tracing } from "@openclaw/tracing";
import { ServedProviders } from "./intake/served-providers.ts";
import { accountIdOf } from "./provider/health/account-refusal.ts";
import { createProviderClient, type ProviderClient } from "./provider/provider-client.ts";
import type { ActiveAttempts } from "./run/active-attempts.ts";
import { executeRun } from "./run/execute-run.ts";
import { failUnreadable } from "./run/fail-run.ts";
import { HedgeBudget } from "./run/hedge.ts";
import type { AttemptCounts } from "./telemetry/attempt-counts.ts";
import { AttemptMeter } from "./telemetry/attempt-meter.ts";
import { ProviderMeters } from "./telemetry/provider-meter.ts";
import { traceAttempt } from "./tracing/trace-attempt.ts";
import type { WorkerDeps, WorkerRedis } from "./worker-redis.ts";

/** The longest that a removed provider is served. An edge that still sends runs for it by then will not learn. */
const LEAVE_WITHIN_MS = 600_000;

interface Tools {
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly attempts: ActiveAttempts;
  readonly counts: AttemptCounts;
  /** Ids of all nodes of the cluster. */
  readonly nodes: () => Promise<readonly string[]>;
}

export function createProviders(base: WorkerDeps, redis: WorkerRedis, tools: Tools) {
  const { config, gateway, log } = base;
  const { commands, queueing, keyPrefix, queues } = redis;
  const providerMeters = new ProviderMeters(tools.metrics);
  const limits = new QueueLimits({
    redis: commands,
    keyPrefix,
    queues,
    // The configuration of a provider has the limits under the same names.
    limits: () => gateway.current.providers,
    onRest: (provider, forMs) => providers.rest(provider, forMs),
    log,
  });
  const { records } = redis;
  const onUnreadable = (job: UnreadableJob) =>
    failUnreadable(job, { records, nodes: tools.nodes, log });
  const verdicts = new AccountVerdicts({ redis: commands, keyPrefix });
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
        verdict: verdicts.of(accountIdOf(provider)),
        log,
      }),
    createIntake: (intake) =>
      new RunIntake({
        ...{ redis: queueing, keyPrefix, log, onUnreadable, ...intake },
        onClockSetBack: (runIds) => records.rewind(runIds),
      }),
    placesOf: (provider) => placesOf(provider, config.WORKER_CONCURRENCY),
    count: (provider) => queues.counts(provider),
    execute: executor(base, redis, { ...tools, limits }),
  });
  return { limits, providers };
}

function executor(
  { config, gateway, node, log }: WorkerDeps,
  { records, queues, appender }: WorkerRedis,
  { metrics, tracing, attempts, counts, limits, nodes }: Tools & { readonly limits: QueueLimits },
): (job: RunJob, provider: ProviderClient) => Promise<void> {
  const attemptMeter = new AttemptMeter(metrics, counts);
  const hedges = new HedgeBudget(() => gateway.current.hedgeBudget);
  const { WORKER_MAX_ATTEMPTS: maxAttempts, WORKER_MAX_LOST: maxLost } = config;
  const contextTokensOf = (name: string) => gateway.current.providers[name]?.contextTokens;
  const tools = { appender, attempts, limits, hedges, contextTokensOf };
  const context = { records, queues, ...tools, node, nodes, maxAttempts, maxLost, log };
  return (job, provider) =>
    traceAttempt(tracing, job, { provider, counts: attemptMeter.of(provider.name) }, (traced) =>
      executeRun(job, { ...context, ...traced }),
    );
}
