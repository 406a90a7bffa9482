/**
 * Chooses the member of a group that will probably send its first text soonest.
 *
 * Workers report first tokens, failures and circuits, and the queues report how full they are. These signals are a
 * second old. So members are drawn by weight: otherwise all runs of a second would go to the same member. The runs
 * that this edge has given away since then count as load.
 */
import {
  type GatewayConfigSource,
  type ProviderConfig,
  type Targets,
  targetOf,
} from "@openclaw/config";
import type { ProviderHealthReport } from "@openclaw/metrics";
import type { QueueCounts } from "@openclaw/queue";

/** Members in these states are of no use now. Workers of another version may report more states. */
const UNAVAILABLE: ReadonlySet<string> = new Set(["open", "resting", "refused"]);

/** What is known of a provider. Empty if no worker has reported it. */
export interface ProviderSignals {
  /** Of every worker that serves it. */
  readonly health: readonly ProviderHealthReport[];
  readonly queue: QueueCounts | undefined;
}

export interface ProviderChoiceOptions {
  readonly gateway: Pick<GatewayConfigSource, "current">;
  readonly signalsOf: (provider: string) => ProviderSignals;
  /** Set by tests. */
  readonly random?: () => number;
}

/**
 * The assumed share of its target for a provider that no run has asked lately. It is worth a try.
 */
const UNKNOWN_SHARE = 0.5;
/** Up to this share of the limit in use, a run is not slowed down. */
const ROOMY = 0.8;
const CROWDED_COSTS = 10;
const FAILURES_COST = 8;
/** How much a better member is preferred: twice as quick gets eight times as many runs. */
const SHARPNESS = 3;

export class ProviderChoice {
  readonly #options: ProviderChoiceOptions;
  readonly #random: () => number;
  /** Runs that were given away here since the signals were last read. */
  #given = new Map<string, number>();

  constructor(options: ProviderChoiceOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  /** The signals are new, and include what was given away before. */
  refreshed(): void {
    this.#given = new Map();
  }

  /**
   * Orders the members of a group: first the one to ask, then the others, best first. Members that are known to be
   * down come last.
   */
  order(members: readonly string[]): string[] {
    const costs = members.map((name) => ({ name, cost: this.#cost(name) }));
    const sorted = costs.toSorted((a, b) => a.cost - b.cost).map(({ name }) => name);
    const first = this.#pick(costs) ?? sorted[0];
    if (first === undefined) return [];
    this.#given.set(first, (this.#given.get(first) ?? 0) + 1);
    return [first, ...sorted.filter((name) => name !== first)];
  }

  #pick(costs: readonly { readonly name: string; readonly cost: number }[]): string | undefined {
    const weights = costs.map(({ cost }) => 1 / cost ** SHARPNESS);
    let left = this.#random() * weights.reduce((sum, weight) => sum + weight, 0);
    for (const [index, weight] of weights.entries()) {
      left -= weight;
      if (left < 0) return costs[index]?.name;
    }
    return undefined;
  }

  /** Expected first text as a share of the target, raised by failures and by a full queue. */
  #cost(name: string): number {
    const { gateway, signalsOf } = this.#options;
    const config = gateway.current.providers[name];
    const { health, queue } = signalsOf(name);
    const open = health.filter(({ state }) => !UNAVAILABLE.has(state));
    if (!config || (health.length > 0 && open.length === 0)) return Number.POSITIVE_INFINITY;
    const failures = mean(open.map(({ failureShare }) => failureShare)) ?? 0;
    const load = this.#load(name, config, queue);
    const slowness = shareOfTarget(open, config, gateway.current.targets);
    return (
      slowness * (1 + FAILURES_COST * failures) * (1 + CROWDED_COSTS * Math.max(0, load - ROOMY))
    );
  }

  /** Runs waiting and at work, as a share of what may be at work at once. */
  #load(name: string, { maxConcurrency }: ProviderConfig, queue: QueueCounts | undefined): number {
    const { waiting = 0, active = 0 } = queue ?? {};
    return (waiting + active + (this.#given.get(name) ?? 0)) / maxConcurrency;
  }
}

function shareOfTarget(
  health: readonly ProviderHealthReport[],
  { region }: ProviderConfig,
  targets: Targets,
): number {
  const firstTokenMs = mean(health.map((report) => report.firstTokenMs));
  if (firstTokenMs === undefined) return UNKNOWN_SHARE;
  // Below a tenth of the target, no member is better than another.
  return Math.max(0.1, firstTokenMs / targetOf(targets, region, "warm").firstTextMs);
}

/** The mean of the known values; undefined if all are unknown. */
function mean(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0) return undefined;
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}
