/** What every process tells of itself and of Redis. */
import type { LabelValue } from "./labels.ts";
import type { Metrics } from "./metrics.ts";

export interface Vitals {
  /** Whether Redis answers commands in time. */
  readonly redis: () => boolean;
  /** Whether what is published arrives. */
  readonly subscription: () => boolean;
  /** Redis' code for why it writes nothing though it answers. */
  readonly writeRefusal: () => string | undefined;
  /** Why it is not ready; empty while it is. */
  readonly troubles: () => readonly string[];
}

export function tellVitals(
  metrics: Metrics,
  { redis, subscription, troubles }: Omit<Vitals, "writeRefusal">,
): void {
  const tell = (name: "redis_up" | "subscription_up" | "ready", isSo: () => boolean) =>
    metrics.gauge(`openclaw_${name}`).from(() => [[{}, Number(isSo())]]);
  tell("redis_up", redis);
  tell("subscription_up", subscription);
  tell("ready", () => troubles().length === 0);
}

/** Why a process cannot do its work, in the words of `/health`. */
export function troublesOf(vitals: Omit<Vitals, "troubles">): string[] {
  const { redis, subscription, writeRefusal } = vitals;
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
