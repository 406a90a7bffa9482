/** The gauges that every process has about itself and about Redis. */
import type { LabelValue } from "./labels.ts";
import type { Metrics } from "./metrics.ts";

interface RedisVitals {
  /** Whether Redis answers commands in time. */
  readonly redis: () => boolean;
  /** Whether what is published arrives. */
  readonly subscription: () => boolean;
}

export interface Vitals extends RedisVitals {
  /** The reasons why the process is not ready; empty while it is. */
  readonly troubles: () => readonly string[];
}

export interface RedisTroubles extends RedisVitals {
  /** Redis' code for why it writes nothing though it answers. */
  readonly writeRefusal: () => string | undefined;
}

export function registerVitals(metrics: Metrics, { redis, subscription, troubles }: Vitals): void {
  const register = (name: "redis_up" | "subscription_up" | "ready", isSo: () => boolean) =>
    metrics.gauge(`openclaw_${name}`).from(() => [[{}, Number(isSo())]]);
  register("redis_up", redis);
  register("subscription_up", subscription);
  register("ready", () => troubles().length === 0);
}

/** Why a process cannot do its work, in the words of `/health`. */
export function troublesOf({ redis, subscription, writeRefusal }: RedisTroubles): string[] {
  const troubles: string[] = [];
  if (!redis()) troubles.push("redis does not answer in time");
  else if (writeRefusal() !== undefined) troubles.push(`redis refuses writes (${writeRefusal()})`);
  if (!subscription()) troubles.push("the redis subscription is down");
  return troubles;
}

/** How long Redis takes: gives, for a command, what is to be told the milliseconds until each answer. */
export function measureRedis(metrics: Metrics) {
  const roundTrips = metrics.hot("openclaw_redis_round_trip_seconds");
  return (command: LabelValue<"command">) => {
    const cell = roundTrips.cell({ command });
    return (afterMs: number) => cell.observe(afterMs / 1_000);
  };
}
