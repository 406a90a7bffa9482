/** Puts an edge together: the only file that says `new` for everything. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { GatewayConfigWatch, type LiveGatewayConfig, wantsTraces } from "@openclaw/config";
import { Metrics, measureRedis, tellVitals } from "@openclaw/metrics";
import { failure } from "@openclaw/protocol";
import { RunQueues } from "@openclaw/queue";
import {
  AdminServer,
  connectionPart,
  createCommandConnection,
  createSubscriberConnection,
  type Logger,
  NodeRegistry,
  type Part,
  ReadinessLog,
  RedisPulse,
} from "@openclaw/runtime";
import { DEFAULT_RETENTION, DueRuns, RunRecords, StreamKeys, Subscription } from "@openclaw/stream";
import { Tracing } from "@openclaw/tracing";
import type { EdgeConfig } from "./config.ts";
import { countLostNodes, tellEdge } from "./edge-gauges.ts";
import { ChatDoor } from "./http/chat-door.ts";
import { type EdgeDetails, readClusterStats } from "./http/cluster-stats.ts";
import { ClusterView } from "./http/cluster-view.ts";
import { HttpExchanges } from "./http/http-exchanges.ts";
import { ModelsDoor } from "./http/models-door.ts";
import { OpenApiDoor } from "./http/openapi/openapi-door.ts";
import { RunsDoor } from "./http/runs-door.ts";
import { StatsDoor } from "./http/stats-door.ts";
import { ClientKeys } from "./inbound/client-keys.ts";
import { OverdueRuns } from "./inbound/overdue-runs.ts";
import { ProviderChoice } from "./inbound/provider-choice.ts";
import { RunLookup } from "./inbound/run-lookup.ts";
import { RunStarter } from "./inbound/run-starter.ts";
import { LiveRuns } from "./outbound/live-runs.ts";
import { QueueNotices } from "./outbound/queue-notices.ts";
import { RunMeter } from "./outbound/run-meter.ts";
import { RunStats } from "./outbound/run-stats.ts";
import { RunTraces } from "./outbound/run-traces.ts";
import { RedisMemory } from "./redis-memory.ts";
import { Sessions } from "./session/sessions.ts";
import { Listener } from "./socket/listener.ts";

/** JSON may write one byte of a message as six (`\u0041`); the rest of a frame is small. */
const JSON_EXPANSION = 6;
const FRAME_OVERHEAD_BYTES = 4_096;

/** The parts of one edge process, in the order they start. */
export function createEdge(
  config: EdgeConfig,
  gateway: LiveGatewayConfig,
  processLog: Logger,
): Part[] {
  const node = `edge-${randomUUID().slice(0, 8)}`;
  const log = processLog.child({ node });
  const keyPrefix = config.REDIS_KEY_PREFIX;
  const connection = { url: config.REDIS_URL, log };
  const commands = createCommandConnection({ ...connection, name: `${node}:commands` });
  const subscriber = createSubscriberConnection({ ...connection, name: `${node}:subscriber` });

  const tracing = new Tracing({ isOn: wantsTraces(config), service: "edge", node, log });
  const metrics = new Metrics({ kind: "edge", gateway });
  const meter = new RunMeter(metrics, gateway);
  const slowConsumers = metrics.counter("openclaw_slow_consumers_total");
  const keys = new StreamKeys({ prefix: keyPrefix, partitions: config.REDIS_PARTITIONS });
  const pulse = new RedisPulse({
    redis: commands,
    keys: keys.probes,
    log,
    onAnswer: measureRedis(metrics)("ping"),
  });
  const retention = { ...DEFAULT_RETENTION, resumeWindowMs: config.RESUME_WINDOW_MS };
  const records = new RunRecords(commands, keys, retention);
  const providers = () => Object.keys(gateway.current.providers);
  const queues = new RunQueues({ redis: commands, keyPrefix, providers });
  const runs = new LiveRuns(
    (runId) => starter.unread(runId),
    () => meter.stuck(),
  );
  const stats = new RunStats();
  const subscription = new Subscription({
    subscriber,
    commands,
    keys,
    node,
    log,
    onBatch: (batch) => runs.onBatch(batch),
    onRestored: () => runs.refill(),
  });
  const choice = new ProviderChoice({
    gateway,
    signalsOf: (provider) => ({ health: view.healthOf(provider), queue: view.queueOf(provider) }),
  });
  const isListening = () => subscription.alive && pulse.alive;
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
    maxRuns: config.EDGE_MAX_RUNS,
    queueTimeoutMs: config.EDGE_QUEUE_TIMEOUT_MS,
    choice,
    isListening,
    isAlive: (other) => view.isAlive(other),
  });
  const sessions = new Sessions({
    v1: {
      starter,
      limits: { maxMessageBytes: config.EDGE_MAX_MESSAGE_BYTES },
      maxWaiting: config.EDGE_MAX_WAITING,
    },
    v2: {
      starter,
      limits: {
        maxMessageBytes: config.EDGE_MAX_CONVERSATION_BYTES,
        maxRuns: config.EDGE_MAX_RUNS_PER_CONNECTION,
      },
      graceMs: config.EDGE_RESUME_GRACE_MS,
      reconnectWithinMs: config.EDGE_DRAIN_MS,
      log,
    },
    maxConnections: config.EDGE_MAX_CONNECTIONS,
  });
  const exchanges = new HttpExchanges({
    maxOpen: config.EDGE_MAX_CONNECTIONS,
    slowConsumerMs: config.EDGE_SLOW_CONSUMER_MS,
    onSlowConsumer: () => slowConsumers.inc({}),
    keepAliveAfterMs: config.EDGE_KEEP_ALIVE_AFTER_MS,
  });
  const clientKeys = new ClientKeys(config.EDGE_API_KEYS);
  const http = { exchanges, log, clientKeys, gateway, starter };
  const maxFrameBytes =
    JSON_EXPANSION * Math.max(config.EDGE_MAX_MESSAGE_BYTES, config.EDGE_MAX_CONVERSATION_BYTES) +
    FRAME_OVERHEAD_BYTES;
  const conversations = {
    maxBodyBytes: maxFrameBytes,
    maxMessageBytes: config.EDGE_MAX_CONVERSATION_BYTES,
  };
  const endOverdue = (runId: string, provider: string) => starter.endOverdue(runId, provider);
  const lookup = new RunLookup({ records, endOverdue });
  const overdue = new OverdueRuns({
    due: new DueRuns(commands, keys),
    status: (runId) => lookup.status(runId),
    end: endOverdue,
    log,
  });
  const doors = [
    new ChatDoor({ ...http, ...conversations }),
    new ModelsDoor(http),
    new RunsDoor({ ...http, ...conversations, lookup, graceMs: config.EDGE_RESUME_GRACE_MS }),
    new OpenApiDoor(http),
  ];
  const registry = new NodeRegistry({
    redis: commands,
    keyPrefix,
    id: node,
    kind: "edge",
    log,
    describe: (): EdgeDetails => ({
      host: hostname(),
      pid: process.pid,
      connections: sessions.connections,
      sessions: sessions.sessions,
      openRuns: runs.count,
      latency: stats.latency(),
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
    chosenAmong: providers,
    onRefreshed: () => choice.refreshed(),
    log,
  });
  const readStats = () => readClusterStats({ gateway: gateway.current, registry, queues });
  const memory = new RedisMemory({ redis: commands, log });
  const listener = new Listener({
    host: config.EDGE_HOST,
    port: config.EDGE_PORT,
    log,
    refusal: () => (sessions.isFull ? failure("overloaded") : undefined),
    onRefused: (reason) => starter.refused(reason),
    clientKeys,
    maxFrameBytes,
    doors: [...doors, new StatsDoor({ ...http, readStats })],
    slowConsumerMs: config.EDGE_SLOW_CONSUMER_MS,
    onSlowConsumer: () => slowConsumers.inc({}),
    onConnection: (opened) => sessions.open(opened),
    troubles: () => view.troubles(),
  });

  const admin = new AdminServer({
    host: config.EDGE_ADMIN_HOST,
    port: config.EDGE_ADMIN_PORT,
    metrics,
    troubles: () => view.troubles(),
    log,
  });
  tellVitals(metrics, {
    redis: () => pulse.alive,
    subscription: () => subscription.alive,
    troubles: () => admin.troubles(),
  });
  tellEdge(metrics, { runs, sessions, exchanges, view, memory });

  return [
    admin,
    tracing,
    new GatewayConfigWatch({ gateway, log }),
    connectionPart("command connection", commands),
    pulse,
    queues,
    subscription,
    registry,
    view,
    memory,
    listener.sockets,
    sessions,
    exchanges,
    starter,
    // Stopped before the sessions are closed: who still waits is told why.
    runs,
    new QueueNotices({ runs, queues, stats, gateway, log }),
    overdue,
    listener,
    admin.readiness,
    new ReadinessLog({ troubles: () => admin.troubles(), log }),
  ];
}
