/**
 * Which member of a group answers: the one that is likely to speak soonest right now.
 *
 * What workers report of first tokens, failures and circuits, and how full the queues are, is a second
 * old. So members are drawn by weight instead of all runs of a second going to the same one, and what
 * this edge has given to whom since then counts as load.
 */
import {
  type GatewayConfigSource,
  type ProviderConfig,
  type Targets,
  targetOf,
} from "@openclaw/config";
import type { ProviderHealthReport } from "@openclaw/metrics";
import type { QueueCounts } from "@openclaw/queue";

/** Known to be of no use now; workers of another version may have more words for the rest. */
const UNAVAILABLE: ReadonlySet<string> = new Set(["open", "resting", "refused"]);

/** What is known of a provider; nothing, where no worker has reported it or none is asked. */
export interface ProviderSignals {
  /** Of every worker that serves it. */
  readonly health: readonly ProviderHealthReport[];
  readonly queue: QueueCounts | undefined;
}

export interface ProviderChoiceOptions {
  readonly gateway: Pick<GatewayConfigSource, "current">;
  readonly signalsOf: (provider: string) => ProviderSignals;
  /** For tests. */
  readonly random?: () => number;
}

/** Of its target, what a provider is taken to need that nobody has asked lately: worth a try. */
const UNKNOWN_SHARE = 0.5;
/** A share of the limit in use up to which a run is as good as alone. */
const ROOMY = 0.8;
const CROWDED_COSTS = 10;
const FAILURES_COST = 8;
/** How much a better one is preferred: twice as quick gets eight times as many. */
const SHARPNESS = 3;

export class ProviderChoice {
  readonly #options: ProviderChoiceOptions;
  readonly #random: () => number;
  /** Runs given away here since the signals were read last. */
  #given = new Map<string, number>();

  constructor(options: ProviderChoiceOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  /** The signals are new: what was given away before is in them. */
  refreshed(): void {
    this.#given = new Map();
  }

  /**
   * Orders the members of a group, the one to ask first and those to ask instead after it, best first.
   * Those that are known to be down come last.
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

  /** Expected first text as a share of the target, made worse by failures and by a full queue. */
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
  // Below a tenth of its target nobody is better than anybody else.
  return Math.max(0.1, firstTokenMs / targetOf(targets, region, "warm").firstTextMs);
}

/** Of the values that are known; undefined where none is. */
function mean(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0) return undefined;
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}
