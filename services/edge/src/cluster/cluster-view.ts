/**
 * What this edge knows of the cluster. It is refreshed in the background, so a health check costs Redis nothing and
 * never waits for it.
 */
import { type ClusterPlaces, type ProviderConfig, placesNote } from "@openclaw/config";
import { type ProviderHealthReport, troublesOf } from "@openclaw/metrics";
import type { QueueCounts } from "@openclaw/queue";
import type { Component, Logger, NodeKind, NodeRegistry, NodeReport } from "@openclaw/runtime";
import type { EndedHolds } from "../telemetry/hold-times.ts";
import { type EdgeDetails, placesIn, type WorkerDetails } from "./cluster-stats.ts";

const REFRESH_INTERVAL_MS = 1_000;
/** An older view is not used. */
const STALE_MS = 3_000;

export interface ClusterViewOptions {
  readonly registry: Pick<NodeRegistry, "nodes" | "isSettled" | "writeRefusal">;
  /** Runs of a provider that wait or are at work, in the whole cluster. */
  readonly count: (provider: string) => Promise<QueueCounts>;
  /** The configured providers. This edge reads the queues of all of them, to choose among them. */
  readonly providers: () => Readonly<Record<string, Pick<ProviderConfig, "maxConcurrency">>>;
  /** Called after each refresh. */
  readonly onRefreshed: () => void;
  /** Whether Redis answers commands. */
  readonly pulse: { readonly alive: boolean };
  /** Whether published messages arrive. */
  readonly subscription: { readonly alive: boolean };
  readonly log: Logger;
}

export class ClusterView implements Component {
  readonly name = "cluster view";
  readonly #options: ClusterViewOptions;
  #timer: NodeJS.Timeout | undefined;
  #nodes: readonly NodeReport<unknown>[] = [];
  #queues: ReadonlyMap<string, QueueCounts> = new Map();
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #draining = false;

  constructor(options: ClusterViewOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#refresh();
    this.#timer = setInterval(() => void this.#refresh(), REFRESH_INTERVAL_MS);
  }

  async drain(): Promise<void> {
    this.#draining = true;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }

  /** Why this edge cannot serve right now; empty while it can. */
  troubles(): string[] {
    const { pulse, subscription, registry } = this.#options;
    const troubles = troublesOf({
      redis: () => pulse.alive && !this.#isStale,
      writeRefusal: () => registry.writeRefusal,
      subscription: () => subscription.alive,
    });
    if (this.#knowsNodes && !this.#nodes.some(({ kind }) => kind === "worker"))
      troubles.push("no worker is alive");
    return this.#draining ? ["draining", ...troubles] : troubles;
  }

  /**
   * Notes for the operator of an edge that can serve: accounts that take more runs than the workers have places.
   */
  notes(): string[] {
    const providers = this.#options.providers();
    return [...this.places].flatMap(([name, places]) => {
      const { maxConcurrency = 0 } = providers[name] ?? {};
      return placesNote(name, maxConcurrency, places) ?? [];
    });
  }

  /** The places that all workers together have, by provider; empty if they are unknown. */
  get places(): ReadonlyMap<string, ClusterPlaces> {
    if (!this.#knowsNodes) return new Map();
    const workers = this.#workers();
    const known = Object.entries(this.#options.providers()).flatMap(([name, provider]) => {
      const places = placesIn(workers, name, provider);
      return places ? [[name, places] as const] : [];
    });
    return new Map(known);
  }

  /** Whether a node was alive at the last refresh. True also if that is too old to tell. */
  isAlive(node: string): boolean {
    return !this.#knowsNodes || this.#nodes.some(({ id }) => id === node);
  }

  /** The health of a provider at each worker that serves it. */
  healthOf(provider: string): ProviderHealthReport[] {
    return this.#workers().flatMap(({ details }) => details.providers?.[provider] ?? []);
  }

  /** How long runs of a provider had their places, as each edge reports. */
  holds(provider: string): EndedHolds[] {
    return this.#edges().flatMap(({ details }) => details.holds?.[provider] ?? []);
  }

  /** Prompts of unfinished runs that began at other edges, in bytes, as they last reported. */
  promptBytesBeside(own: string): number {
    return this.#nodes
      .filter((node): node is NodeReport<EdgeDetails> => node.kind === "edge" && node.id !== own)
      .reduce((sum, { details }) => sum + (details.promptBytes ?? 0), 0);
  }

  /** How many nodes of a kind are alive; undefined if the last refresh is too old to tell. */
  countOf(kind: NodeKind): number | undefined {
    if (!this.#knowsNodes) return undefined;
    return this.#nodes.filter((node) => node.kind === kind).length;
  }

  /** Runs that wait or are at work, by provider; empty if the last refresh is too old to tell. */
  get queues(): ReadonlyMap<string, QueueCounts> {
    return this.#isStale ? new Map() : this.#queues;
  }

  /** Runs that wait or are at work; undefined for a provider whose queue was not read. */
  queueOf(provider: string): QueueCounts | undefined {
    return this.#queues.get(provider);
  }

  // Each kind of node has its own details.
  #edges(): NodeReport<EdgeDetails>[] {
    return this.#nodes.filter((node): node is NodeReport<EdgeDetails> => node.kind === "edge");
  }

  #workers(): NodeReport<WorkerDetails>[] {
    return this.#nodes.filter((node): node is NodeReport<WorkerDetails> => node.kind === "worker");
  }

  get #knowsNodes(): boolean {
    return !this.#isStale && this.#options.registry.isSettled;
  }

  get #isStale(): boolean {
    return performance.now() - this.#refreshedAt > STALE_MS;
  }

  async #refresh(): Promise<void> {
    try {
      const { registry, count, providers, onRefreshed } = this.#options;
      const [nodes, ...queues] = await Promise.all([
        registry.nodes(),
        ...Object.keys(providers()).map(async (name) => [name, await count(name)] as const),
      ]);
      this.#nodes = registry.isSettled ? nodes : joined(nodes, this.#nodes);
      this.#queues = new Map(queues);
      this.#refreshedAt = performance.now();
      onRefreshed();
    } catch (error) {
      this.#options.log.debug({ err: error }, "cluster view not refreshed");
    }
  }
}

/** For nodes that could not report yet, their last report is the best guess. */
function joined(
  now: readonly NodeReport<unknown>[],
  before: readonly NodeReport<unknown>[],
): readonly NodeReport<unknown>[] {
  return [...new Map([...before, ...now].map((node) => [node.id, node])).values()];
}
