/**
 * Puts an edge together, with `edge-runs.ts` and `edge-listener.ts`. Only these three create components.
 */
import { randomUUID } from "node:crypto";
import {
  GatewayConfigWatch,
  type LiveGatewayConfig,
  wantsTraces,
  warnOfShortDrain,
} from "@openclaw/config";
import { Metrics, registerVitals } from "@openclaw/metrics";
import {
  AdminServer,
  type Component,
  connectionComponent,
  type Logger,
  ReadinessLog,
  redisRights,
} from "@openclaw/runtime";
import { Tracing } from "@openclaw/tracing";
import { QueueNotices } from "./cluster/queue-notices.ts";
import type { EdgeConfig } from "./config.ts";
import { registerGauges } from "./edge-gauges.ts";
import { createInbound, createListener, createSessions } from "./edge-listener.ts";
import { createLookup, createRedis, createRuns } from "./edge-runs.ts";
import { Descriptors } from "./socket/descriptors.ts";

/** The components of one edge process, in the order in which they start. */
export function createEdge(
  config: EdgeConfig,
  gateway: LiveGatewayConfig,
  processLog: Logger,
): Component[] {
  const node = `edge-${randomUUID().slice(0, 8)}`;
  const log = processLog.child({ node });
  const deps = { config, gateway, node, log };

  const tracing = new Tracing({ isOn: wantsTraces(config), service: "edge", node, log });
  const metrics = new Metrics({ kind: "edge", gateway });
  const inbound = createInbound(config);
  const descriptors = Descriptors.ofProcess();
  warnOfFewDescriptors(config, descriptors, log);
  const redis = createRedis(deps, metrics);
  const served = () => ({ connections: sessions.connections, sessions: sessions.sessions });
  const open = createRuns(deps, redis, { inbound, metrics, tracing, served });
  const { runs, stats, subscription, registry, view } = open;
  const { lookup, overdue } = createLookup(deps, redis, open);
  const sessions = createSessions(deps, { runs: open, metrics, inbound, descriptors });
  const { exchanges, listener } = createListener(deps, {
    redis,
    runs: open,
    lookup,
    sessions,
    metrics,
    inbound,
    descriptors,
  });
  const { commands, pulse, queues, memory } = redis;
  const admin = new AdminServer({
    host: config.EDGE_ADMIN_HOST,
    port: config.EDGE_ADMIN_PORT,
    metrics,
    troubles: () => view.troubles(),
    log,
  });
  const troubles = () => admin.troubles();
  registerVitals(metrics, {
    redis: () => pulse.alive,
    subscription: () => subscription.alive,
    troubles,
  });
  const drainMs = config.EDGE_DRAIN_MS;
  warnOfShortDrain({ gateway, setting: "EDGE_DRAIN_MS", drainMs, log });
  registerGauges(metrics, { runs, sessions, exchanges, view, memory, inbound });

  return [
    admin,
    tracing,
    new GatewayConfigWatch({ gateway, log }),
    connectionComponent("command connection", commands),
    redisRights({ redis: commands, keyPrefix: config.REDIS_KEY_PREFIX }),
    pulse,
    queues,
    subscription,
    registry,
    view,
    memory,
    listener.sockets,
    sessions,
    exchanges,
    open.announcer,
    open.traces,
    open.admission,
    // Stopped before the sessions close, so that waiting clients get a reason.
    runs,
    new QueueNotices({ runs, queues, stats, view, gateway, log }),
    overdue,
    listener,
    admin.readiness,
    new ReadinessLog({ troubles, log }),
  ];
}

/** Warns of a configured limit that cannot be reached, before an operator relies on it. */
function warnOfFewDescriptors(
  { EDGE_MAX_CONNECTIONS }: EdgeConfig,
  { most }: Pick<Descriptors, "most">,
  log: Logger,
): void {
  if (most >= EDGE_MAX_CONNECTIONS) return;
  const hint = "raise the limit of open files (ulimit -n), or lower EDGE_MAX_CONNECTIONS";
  log.warn(
    { most, EDGE_MAX_CONNECTIONS, hint },
    "descriptors for fewer connections than configured",
  );
}
