/** Puts together what stands between an edge's runs and its users: sockets, HTTP, and the one port for both. */
import type { Metrics } from "@openclaw/metrics";
import { type Failure, failure } from "@openclaw/protocol";
import type { EdgeConfig } from "./config.ts";
import type { Base } from "./edge.ts";
import type { EdgeRedis, EdgeRuns } from "./edge-runs.ts";
import { ChatDoor } from "./http/chat-door.ts";
import { readClusterStats } from "./http/cluster-stats.ts";
import { Gate } from "./http/gate.ts";
import { HttpExchanges } from "./http/http-exchanges.ts";
import { ModelsDoor } from "./http/models-door.ts";
import { OpenApiDoor } from "./http/openapi/openapi-door.ts";
import { RunsDoor } from "./http/runs-door.ts";
import { StatsDoor } from "./http/stats-door.ts";
import { ByteBudget } from "./inbound/byte-budget.ts";
import { ClientAddresses } from "./inbound/client-address.ts";
import { ClientKeys } from "./inbound/client-keys.ts";
import { Origins } from "./inbound/origins.ts";
import type { RunLookup } from "./inbound/run-lookup.ts";
import type { RunStarter } from "./inbound/run-starter.ts";
import { Sessions } from "./session/sessions.ts";
import { AddressLimit } from "./socket/address-limit.ts";
import type { Descriptors } from "./socket/descriptors.ts";
import { Listener } from "./socket/listener.ts";

/** JSON may write one byte of a message as six (`\u0001`); the rest of a body is small. */
const JSON_EXPANSION = 6;
const BODY_OVERHEAD_BYTES = 4_096;
/** Of a conversation: text in which half the bytes need an escape would be odd. */
const USUAL_EXPANSION = 2;
/** Of the connections for which there are descriptors. */
const TOLD_SHARE = 0.9;
/** For all that is no message. */
const LEAST_FRAME_BYTES = 16 * 1024;

interface SessionTools {
  readonly starter: RunStarter;
  readonly metrics: Metrics;
  readonly inbound: ByteBudget;
  readonly descriptors: Descriptors;
}

export function createSessions(
  { config, log }: Base,
  { starter, metrics, inbound, descriptors }: SessionTools,
): Sessions {
  const rude = metrics.counter("openclaw_rude_connections_total");
  return new Sessions({
    v1: {
      starter,
      limits: { maxMessageBytes: config.EDGE_MAX_MESSAGE_BYTES },
      maxWaiting: config.EDGE_MAX_WAITING,
      errorLingerMs: config.EDGE_V1_ERROR_LINGER_MS,
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
    maxConnections: maxConnections(config, descriptors),
    maxKeptBytes: inbound.maxBytes,
    onRude: () => rude.inc({}),
  });
}

interface Behind {
  readonly redis: EdgeRedis;
  readonly runs: EdgeRuns;
  readonly lookup: RunLookup;
  readonly sessions: Sessions;
  readonly metrics: Metrics;
  readonly inbound: ByteBudget;
  readonly descriptors: Descriptors;
}

function maxBodyBytes(config: EdgeConfig): number {
  const { EDGE_MAX_MESSAGE_BYTES: message, EDGE_MAX_CONVERSATION_BYTES: conversation } = config;
  return JSON_EXPANSION * Math.max(message, conversation) + BODY_OVERHEAD_BYTES;
}

/** What this edge may keep of requests: two of the longest at least, or none of those would ever be read. */
export function createInbound(config: EdgeConfig): ByteBudget {
  return new ByteBudget(Math.max(config.EDGE_INBOUND_BYTES, 3 * maxBodyBytes(config)));
}

/** What one client may have this edge keep of its frames. */
function socketLimits(config: EdgeConfig) {
  const { EDGE_MAX_MESSAGE_BYTES: message, EDGE_MAX_CONVERSATION_BYTES: conversation } = config;
  return {
    maxFrameBytes: {
      v1: Math.max(LEAST_FRAME_BYTES, JSON_EXPANSION * message),
      v2: Math.max(LEAST_FRAME_BYTES, USUAL_EXPANSION * conversation),
    },
    addresses: new ClientAddresses(config.EDGE_TRUSTED_PROXIES),
    addressLimit: new AddressLimit(config.EDGE_MAX_CONNECTIONS_PER_ADDRESS),
  };
}

/**
 * Without a free descriptor a connection is closed without a reason. So the most are fewer than the descriptors: those
 * above them are told why they are refused.
 */
function maxConnections({ EDGE_MAX_CONNECTIONS: asked }: EdgeConfig, { most }: Descriptors) {
  return Math.min(asked, Math.floor(most * TOLD_SHARE));
}

export function createDoors({ config, gateway, log }: Base, behind: Behind) {
  const { redis, runs, lookup, sessions, metrics, inbound, descriptors } = behind;
  const { starter, registry, view } = runs;
  const slowConsumers = metrics.counter("openclaw_slow_consumers_total");
  const slow = {
    slowConsumerMs: config.EDGE_SLOW_CONSUMER_MS,
    onSlowConsumer: () => slowConsumers.inc({}),
  };
  const gate = new Gate(
    new Origins({
      publicUrl: config.EDGE_PUBLIC_URL,
      allowed: config.EDGE_ALLOWED_ORIGINS,
      hasKeys: config.EDGE_API_KEYS.length > 0,
      listenHost: config.EDGE_HOST,
    }),
  );
  const onRefused = (reason: Failure) => starter.refused(reason);
  const exchanges = new HttpExchanges({
    gate,
    onRefused,
    inbound,
    maxOpen: maxConnections(config, descriptors),
    keepAliveAfterMs: config.EDGE_KEEP_ALIVE_AFTER_MS,
    ...slow,
  });
  const clientKeys = new ClientKeys(config.EDGE_API_KEYS);
  const http = { exchanges, log, clientKeys, gateway, starter };
  const maxMessageBytes = config.EDGE_MAX_CONVERSATION_BYTES;
  const conversations = { maxBodyBytes: maxBodyBytes(config), maxMessageBytes };
  const readStats = () =>
    readClusterStats({ gateway: gateway.current, registry, queues: redis.queues });
  const listener = new Listener({
    host: config.EDGE_HOST,
    port: config.EDGE_PORT,
    log,
    refusal: () => (sessions.isFull ? failure("overloaded") : undefined),
    onRefused,
    gate,
    clientKeys,
    ...socketLimits(config),
    descriptors,
    exchanges,
    doors: [
      new ChatDoor({ ...http, ...conversations }),
      new ModelsDoor(http),
      new RunsDoor({ ...http, ...conversations, lookup, graceMs: config.EDGE_RESUME_GRACE_MS }),
      new StatsDoor({ ...http, readStats }),
      new OpenApiDoor(http),
    ],
    onConnection: (opened) => sessions.open(opened),
    troubles: () => view.troubles(),
    notes: () => view.notes(),
    ...slow,
  });
  return { exchanges, listener };
}
