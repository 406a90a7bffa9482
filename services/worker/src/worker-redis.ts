/** Creates the connections of a worker, and the parts that use them. */
import type { LiveGatewayConfig } from "@openclaw/config";
import { type Metrics, measureRedis } from "@openclaw/metrics";
import { RunQueues } from "@openclaw/queue";
import {
  createBlockingConnection,
  createCommandConnection,
  createSubscriberConnection,
  type Logger,
  RedisPulse,
} from "@openclaw/runtime";
import {
  Appender,
  DEFAULT_RETENTION,
  RunRecords,
  StreamKeys,
  Subscription,
} from "@openclaw/stream";
import type { WorkerConfig } from "./config.ts";
import type { ActiveAttempts } from "./run/active-attempts.ts";
import { measureAppends } from "./telemetry/worker-gauges.ts";

/** What the parts of a worker share. */
export interface WorkerDeps {
  readonly config: WorkerConfig;
  readonly gateway: LiveGatewayConfig;
  /** The id of this worker in the cluster. */
  readonly node: string;
  readonly log: Logger;
}

export type WorkerRedis = ReturnType<typeof createRedis>;

interface Tools {
  readonly metrics: Metrics;
  readonly attempts: ActiveAttempts;
}

export function createRedis(
  { config, gateway, node, log }: WorkerDeps,
  { metrics, attempts }: Tools,
) {
  const connection = { url: config.REDIS_URL, log };
  const keyPrefix = config.REDIS_KEY_PREFIX;
  const commands = createCommandConnection({ ...connection, name: `${node}:commands` });
  const queueing = createBlockingConnection({ ...connection, name: `${node}:queue` });
  const keys = new StreamKeys({ prefix: keyPrefix, partitions: config.REDIS_PARTITIONS });
  const retention = { ...DEFAULT_RETENTION, resumeWindowMs: config.RESUME_WINDOW_MS };
  const { probes } = keys;
  const redisMeter = measureRedis(metrics);
  const onAnswer = redisMeter("ping");
  const onCall = measureAppends(metrics, redisMeter("append"));
  const providers = () => Object.keys(gateway.current.providers);
  return {
    keyPrefix,
    commands,
    queueing,
    pulse: new RedisPulse({ redis: commands, keys: probes, log, onAnswer }),
    queuePulse: new RedisPulse({ redis: queueing, keys: probes, log }),
    records: new RunRecords(commands, keys, retention),
    appender: new Appender(commands, keys, { retention, onCall }),
    queues: new RunQueues({ redis: commands, keyPrefix, providers }),
    subscription: new Subscription({
      createSubscriber: () =>
        createSubscriberConnection({ ...connection, name: `${node}:subscriber` }),
      commands,
      keys,
      node,
      log,
      onBatch: (batch) => attempts.onBatch(batch),
      // An attempt learns of a missed cancel with its next append, after at most a second.
      onRestored: () => attempts.onRestored(),
    }),
  };
}
