/** Puts together what an edge knows of Redis, of the cluster, and of its runs. */
import { hostname } from "node:os";
import { type Metrics, measureRedis } from "@openclaw/metrics";
import { RunQueues } from "@openclaw/queue";
import {
  createCommandConnection,
  createSubscriberConnection,
  NodeRegistry,
  RedisPulse,
} from "@openclaw/runtime";
import { DEFAULT_RETENTION, DueRuns, RunRecords, StreamKeys, Subscription } from "@openclaw/stream";
import type { Tracing } from "@openclaw/tracing";
import type { ByteBudget } from "./admission/byte-budget.ts";
import { PromptRoom } from "./admission/prompt-room.ts";
import { ProviderChoice } from "./admission/provider-choice.ts";
import { RedisMemory } from "./admission/redis-memory.ts";
import { RunStarter } from "./admission/run-starter.ts";
import type { EdgeDetails } from "./cluster/cluster-stats.ts";
import { ClusterView } from "./cluster/cluster-view.ts";
import { OverdueRuns } from "./cluster/overdue-runs.ts";
import type { EdgeDeps } from "./edge-deps.ts";
import { countLostNodes } from "./edge-gauges.ts";
import { LiveRuns } from "./runs/live-runs.ts";
import { RunLookup } from "./runs/run-lookup.ts";
import { RunMeter } from "./telemetry/run-meter.ts";
import { RunStats } from "./telemetry/run-stats.ts";
import { RunTraces } from "./telemetry/run-traces.ts";
import { createSessionHash } from "./telemetry/session-hash.ts";

export type EdgeRedis = ReturnType<typeof createRedis>;
export type EdgeRuns = ReturnType<typeof createRuns>;

/** The connections of an edge, and what speaks over them. */
export function createRedis({ config, gateway, node, log }: EdgeDeps, metrics: Metrics) {
  const keyPrefix = config.REDIS_KEY_PREFIX;
  const connection = { url: config.REDIS_URL, log };
  const commands = createCommandConnection({ ...connection, name: `${node}:commands` });
  const keys = new StreamKeys({ prefix: keyPrefix, partitions: config.REDIS_PARTITIONS });
  const retention = { ...DEFAULT_RETENTION, resumeWindowMs: config.RESUME_WINDOW_MS };
  const providers = () => Object.keys(gateway.current.providers);
  const onAnswer = measureRedis(metrics)("ping");
  return {
    commands,
    createSubscriber: () =>
      createSubscriberConnection({ ...connection, name: `${node}:subscriber` }),
    keys,
    pulse: new RedisPulse({ redis: commands, keys: keys.probes, log, onAnswer }),
    memory: new RedisMemory({ redis: commands, log }),
    records: new RunRecords(commands, keys, retention),
    queues: new RunQueues({ redis: commands, keyPrefix, providers }),
  };
}

/** Who is served here, as this edge tells the others. */
export type Served = () => Pick<EdgeDetails, "connections" | "sessions">;

interface Tools {
  readonly inbound: ByteBudget;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly served: Served;
}

/** The runs of an edge, and its view of the cluster that works on them. */
export function createRuns(
  base: EdgeDeps,
  redis: EdgeRedis,
  { inbound, metrics, tracing, served }: Tools,
) {
  const { config, gateway, node, log } = base;
  const { commands, createSubscriber, keys, pulse, records, queues } = redis;
  const meter = new RunMeter(metrics, gateway);
  const stats = new RunStats();
  const runs = new LiveRuns(
    (runId) => starter.unread(runId),
    () => meter.stuck(),
  );
  const subscription = new Subscription({
    createSubscriber,
    commands,
    keys,
    node,
    log,
    onBatch: (batch) => runs.onBatch(batch),
    onRestored: () => runs.refill(),
  });
  const registry = new NodeRegistry({
    redis: commands,
    keyPrefix: config.REDIS_KEY_PREFIX,
    id: node,
    kind: "edge",
    log,
    describe: (): EdgeDetails => ({
      host: hostname(),
      pid: process.pid,
      ...served(),
      openRuns: runs.count,
      promptBytes: runs.promptBytes,
      latency: stats.latency(),
      holds: stats.allHolds(),
    }),
    takeTotals: () => stats.takeTotals(),
    onLost: countLostNodes(metrics),
  });
  const view = new ClusterView({
    registry,
    pulse,
    subscription,
    count: (provider) => queues.counts(provider),
    // Whatever group is asked for, its members are among them.
    providers: () => gateway.current.providers,
    onRefreshed: () => choice.refreshed(),
    log,
  });
  const choice = new ProviderChoice({
    gateway,
    signalsOf: (provider) => ({ health: view.healthOf(provider), queue: view.queueOf(provider) }),
  });
  const prompts = new PromptRoom({
    inbound,
    maxQueuedBytes: config.EDGE_QUEUED_BYTES,
    redis: () => redis.memory.fullest,
    ownBytes: () => runs.promptBytes,
    otherBytes: () => view.promptBytesBeside(node),
  });
  const starter = new RunStarter({
    node,
    gateway,
    records,
    queues,
    runs,
    stats,
    meter,
    traces: new RunTraces(tracing),
    log,
    sessionHash: createSessionHash(config.EDGE_LOG_SESSION_KEY),
    maxRuns: config.EDGE_MAX_RUNS,
    prompts,
    queueTimeoutMs: config.EDGE_QUEUE_TIMEOUT_MS,
    choice,
    isRedisWell: () => subscription.alive && pulse.alive && registry.writeRefusal === undefined,
    isAlive: (other) => view.isAlive(other),
  });
  return { runs, stats, subscription, registry, view, starter };
}

/** For runs that nobody here follows. */
export function createLookup({ log }: EdgeDeps, redis: EdgeRedis, { starter }: EdgeRuns) {
  const endOverdue = (runId: string, provider: string) => starter.endOverdue(runId, provider);
  const lookup = new RunLookup({ records: redis.records, endOverdue });
  const overdue = new OverdueRuns({
    due: new DueRuns(redis.commands, redis.keys),
    status: (runId) => lookup.status(runId),
    end: endOverdue,
    log,
  });
  return { lookup, overdue };
}
