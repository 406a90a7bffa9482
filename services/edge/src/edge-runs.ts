/** Puts together the Redis of an edge, its view of the cluster, and its runs. */
import { hostname } from "node:os";
import { type Metrics, measureRedis } from "@openclaw/metrics";
import type { Failure } from "@openclaw/protocol";
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
import { withFallback as fallbackChainOf } from "./admission/provider-chain.ts";
import { ProviderChoice } from "./admission/provider-choice.ts";
import { RedisMemory } from "./admission/redis-memory.ts";
import { RunAdmission } from "./admission/run-admission.ts";
import { RunStarter } from "./admission/run-starter.ts";
import type { EdgeDetails } from "./cluster/cluster-stats.ts";
import { ClusterView } from "./cluster/cluster-view.ts";
import { OverdueRuns } from "./cluster/overdue-runs.ts";
import type { EdgeDeps } from "./edge-deps.ts";
import { countLostNodes } from "./edge-gauges.ts";
import { LiveRuns } from "./runs/live-runs.ts";
import { RunAnnouncer } from "./runs/run-announcer.ts";
import { RunEnder } from "./runs/run-ender.ts";
import { RunLookup } from "./runs/run-lookup.ts";
import { RunOpener } from "./runs/run-opener.ts";
import { RunReaders } from "./runs/run-readers.ts";
import { RunResumer } from "./runs/run-resumer.ts";
import { createSessionHash, EndedRuns } from "./telemetry/ended-runs.ts";
import { RunMeter } from "./telemetry/run-meter.ts";
import { RunStats } from "./telemetry/run-stats.ts";
import { RunTraces } from "./telemetry/run-traces.ts";

export type EdgeRedis = ReturnType<typeof createRedis>;
export type EdgeRuns = ReturnType<typeof createRuns>;

/** The connections of an edge to Redis, and the components that use them. */
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

/** What this edge reports to the others about its clients. */
export type Served = () => Pick<EdgeDetails, "connections" | "sessions">;

interface ClusterParts {
  readonly runs: LiveRuns;
  readonly stats: RunStats;
  readonly metrics: Metrics;
  readonly served: Served;
}

/** What an edge knows of the other nodes, and they of it. */
function createCluster(
  { config, gateway, node, log }: EdgeDeps,
  { commands, createSubscriber, keys, pulse, queues }: EdgeRedis,
  { runs, stats, metrics, served }: ClusterParts,
) {
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
    // The members of every group are among the providers.
    providers: () => gateway.current.providers,
    onRefreshed: () => choice.refreshed(),
    log,
  });
  const choice = new ProviderChoice({
    gateway,
    signalsOf: (provider) => ({ health: view.healthOf(provider), queue: view.queueOf(provider) }),
  });
  const isRedisWell = () =>
    subscription.alive && pulse.alive && registry.writeRefusal === undefined;
  return { subscription, registry, view, choice, isRedisWell };
}

/** The readers of the runs that are open here, and the announcer of their ends. */
function createReaders(
  { node, log }: EdgeDeps,
  { records, queues }: EdgeRedis,
  { runs, view }: { readonly runs: LiveRuns; readonly view: ClusterView },
) {
  const readers = new RunReaders({
    node,
    records,
    runs,
    log,
    isAlive: (other) => view.isAlive(other),
    onAbandoned: ({ runId, chain }) =>
      announcer.announce({ runId, chain, terminal: { type: "cancelled", reason: "disconnected" } }),
  });
  const announcer = new RunAnnouncer({ records, queues, readers, log });
  return { readers, announcer };
}

interface RunParts {
  readonly inbound: ByteBudget;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly served: Served;
}

/** The runs of an edge, and its view of the cluster that works on them. */
export function createRuns(
  deps: EdgeDeps,
  redis: EdgeRedis,
  { inbound, metrics, tracing, served }: RunParts,
) {
  const { config, gateway, node, log } = deps;
  const { records, queues } = redis;
  const meter = new RunMeter(metrics, gateway);
  const stats = new RunStats();
  const traces = new RunTraces(tracing);
  const sessionHash = createSessionHash(config.EDGE_LOG_SESSION_KEY);
  const endedRuns = new EndedRuns({ stats, meter, log, sessionHash });
  const runs = new LiveRuns({
    onUnfollowed: (runId) => readers.leaveUnfollowed(runId),
    onStuck: () => meter.stuck(),
  });
  const cluster = createCluster(deps, redis, { runs, stats, metrics, served });
  const { view, choice, isRedisWell } = cluster;
  const { readers, announcer } = createReaders(deps, redis, { runs, view });
  const withFallback = (provider: string) => fallbackChainOf(provider, gateway.current);
  const ender = new RunEnder({ records, announcer, withFallback });
  const opener = new RunOpener({
    runs,
    records,
    queues,
    gateway,
    queueTimeoutMs: config.EDGE_QUEUE_TIMEOUT_MS,
    onGap: () => meter.gap(),
    log,
  });
  const prompts = new PromptRoom({
    inbound,
    maxQueuedBytes: config.EDGE_QUEUED_BYTES,
    redis: () => redis.memory.fullest,
    ownBytes: () => runs.promptBytes,
    otherBytes: () => view.promptBytesBeside(node),
  });
  const onRefused = ({ code }: Failure) => meter.refused(code);
  const maxRuns = config.EDGE_MAX_RUNS;
  const admission = new RunAdmission({ gateway, runs, maxRuns, prompts, isRedisWell, onRefused });
  const cancel = (runId: string, session: string) => ender.cancel(runId, session);
  const starter = new RunStarter({
    gateway,
    choice,
    opener,
    prompts,
    traces,
    submission: { node, records, queues, announcer, cancel, log },
    onRefused,
    onEnded: (ended) => endedRuns.record(ended),
  });
  const resumer = new RunResumer({
    node,
    records,
    readers,
    opener,
    announcer,
    withFallback,
    onOutcome: (outcome) => meter.resumed(outcome),
    onEnded: (ended) => endedRuns.recordResumed(ended),
  });
  return {
    ...cluster,
    runs,
    stats,
    traces,
    readers,
    announcer,
    admission,
    starter,
    resumer,
    ender,
  };
}

/** For runs that are not open here. */
export function createLookup({ log }: EdgeDeps, redis: EdgeRedis, { ender }: EdgeRuns) {
  const endOverdue = (runId: string, provider: string) => ender.endOverdue(runId, provider);
  const lookup = new RunLookup({ records: redis.records, endOverdue });
  const overdue = new OverdueRuns({
    due: new DueRuns(redis.commands, redis.keys),
    status: (runId) => lookup.status(runId),
    end: endOverdue,
    log,
  });
  return { lookup, overdue };
}
