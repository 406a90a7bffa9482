/**
 * Puts together what stands between an edge's runs and its users: sessions, HTTP routes, and the one port for both.
 */
import type { Metrics } from "@openclaw/metrics";
import { type Failure, failure } from "@openclaw/protocol";
import { ByteBudget } from "./admission/byte-budget.ts";
import { ClientKeys } from "./admission/client-keys.ts";
import { Origins } from "./admission/origins.ts";
import { readClusterStats } from "./cluster/cluster-stats.ts";
import type { EdgeConfig } from "./config.ts";
import type { EdgeDeps } from "./edge-deps.ts";
import type { EdgeRedis, EdgeRuns } from "./edge-runs.ts";
import { refuseUpgrade } from "./http/exchange/api-error.ts";
import { Gate } from "./http/exchange/gate.ts";
import { HttpExchanges } from "./http/exchange/http-exchanges.ts";
import { ChatRoutes } from "./http/routes/chat-routes.ts";
import { HttpRoutes } from "./http/routes/http-routes.ts";
import { ModelsRoutes } from "./http/routes/models-routes.ts";
import { OpenApiRoutes } from "./http/routes/openapi-routes.ts";
import { RunsRoutes } from "./http/routes/runs-routes.ts";
import { StatsRoutes } from "./http/routes/stats-routes.ts";
import type { RunLookup } from "./runs/run-lookup.ts";
import { Sessions } from "./session/sessions.ts";
import { AddressLimit } from "./socket/address-limit.ts";
import { ClientAddresses } from "./socket/client-address.ts";
import type { Descriptors } from "./socket/descriptors.ts";
import { Listener } from "./socket/listener.ts";
import { SocketServer } from "./socket/socket-server.ts";

/** JSON may write one byte of a message as six (`\u0001`). The rest of a body is small. */
const JSON_EXPANSION = 6;
const BODY_OVERHEAD_BYTES = 4_096;
/** Of a conversation. A text in which half the bytes need an escape would be unusual. */
const USUAL_EXPANSION = 2;
/** Of the connections for which there are descriptors. */
const SERVED_SHARE = 0.9;
/** For frames that are not messages. */
const LEAST_FRAME_BYTES = 16 * 1024;

interface SessionParts {
  readonly runs: EdgeRuns;
  readonly metrics: Metrics;
  readonly inbound: ByteBudget;
  readonly descriptors: Descriptors;
}

export function createSessions(
  { config, log }: EdgeDeps,
  { runs, metrics, inbound, descriptors }: SessionParts,
): Sessions {
  const { admission, starter, resumer, ender, readers } = runs;
  const rude = metrics.counter("openclaw_rude_connections_total");
  return new Sessions({
    v1: {
      admission,
      starter,
      limits: { maxMessageBytes: config.EDGE_MAX_MESSAGE_BYTES },
      maxWaiting: config.EDGE_MAX_WAITING,
      errorLingerMs: config.EDGE_V1_ERROR_LINGER_MS,
    },
    v2: {
      admission,
      starter,
      resumer,
      ender,
      readers,
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
    onOverBudget: () => rude.inc({}),
  });
}

interface ListenerParts {
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

/**
 * What this edge may keep of requests: at least two of the longest bodies, or none of those would ever be read.
 */
export function createInbound(config: EdgeConfig): ByteBudget {
  return new ByteBudget(Math.max(config.EDGE_INBOUND_BYTES, 3 * maxBodyBytes(config)));
}

/** What this edge may keep of one client's frames. */
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
 * Without a free descriptor, a connection is closed without a reason. So the limit is below the number of
 * descriptors: connections above it get a reason.
 */
function maxConnections({ EDGE_MAX_CONNECTIONS: asked }: EdgeConfig, { most }: Descriptors) {
  return Math.min(asked, Math.floor(most * SERVED_SHARE));
}

/** The one port of an edge, with all that answers there. */
export function createListener(deps: EdgeDeps, parts: ListenerParts) {
  const { config, log } = deps;
  const { runs, sessions, metrics, inbound, descriptors } = parts;
  const { admission } = runs;
  const slowConsumers = metrics.counter("openclaw_slow_consumers_total");
  const shared = {
    gate: createGate(config),
    onRefused: (reason: Failure) => admission.refused(reason),
    slowConsumerMs: config.EDGE_SLOW_CONSUMER_MS,
    onSlowConsumer: () => slowConsumers.inc({}),
  };
  const clientKeys = new ClientKeys(config.EDGE_API_KEYS);
  const exchanges = new HttpExchanges({
    ...shared,
    inbound,
    maxOpen: maxConnections(config, descriptors),
    keepAliveAfterMs: config.EDGE_KEEP_ALIVE_AFTER_MS,
  });
  const sockets = new SocketServer({
    ...shared,
    ...socketLimits(config),
    log,
    clientKeys,
    refusal: () => (sessions.isFull ? failure("overloaded") : undefined),
    writeRefusal: refuseUpgrade,
    onConnection: (opened) => sessions.open(opened),
  });
  const http = createRoutes(deps, parts, { exchanges, clientKeys });
  const { EDGE_HOST: host, EDGE_PORT: port } = config;
  return { exchanges, listener: new Listener({ host, port, descriptors, sockets, http, log }) };
}

function createGate(config: EdgeConfig): Gate {
  return new Gate(
    new Origins({
      publicUrl: config.EDGE_PUBLIC_URL,
      allowed: config.EDGE_ALLOWED_ORIGINS,
      hasKeys: config.EDGE_API_KEYS.length > 0,
      listenHost: config.EDGE_HOST,
    }),
  );
}

function createRoutes(
  { config, gateway, log }: EdgeDeps,
  { redis, runs, lookup }: ListenerParts,
  { exchanges, clientKeys }: { exchanges: HttpExchanges; clientKeys: ClientKeys },
): HttpRoutes {
  const { admission, starter, resumer, ender, readers, registry, view } = runs;
  const every = { exchanges, log, clientKeys, gateway, admission, starter };
  const bodies = {
    maxBodyBytes: maxBodyBytes(config),
    maxMessageBytes: config.EDGE_MAX_CONVERSATION_BYTES,
  };
  const readStats = () =>
    readClusterStats({ gateway: gateway.current, registry, queues: redis.queues });
  return new HttpRoutes({
    exchanges,
    groups: [
      new ChatRoutes({ ...every, ...bodies }),
      new ModelsRoutes(every),
      new RunsRoutes({
        ...every,
        ...bodies,
        ...{ resumer, ender, readers, lookup },
        graceMs: config.EDGE_RESUME_GRACE_MS,
      }),
      new StatsRoutes({ ...every, readStats }),
      new OpenApiRoutes(every),
    ],
    troubles: () => view.troubles(),
    notes: () => view.notes(),
  });
}
