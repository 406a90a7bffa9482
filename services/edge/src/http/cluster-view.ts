/**
 * What this edge knows of the cluster: refreshed in the background, so that a health check costs
 * Redis nothing and never waits for it.
 */
import type { Logger, NodeRegistry, NodeReport, Part } from "@openclaw/runtime";

const REFRESH_INTERVAL_MS = 1_000;
/** A view older than this says nothing any more. */
const STALE_MS = 3_000;

export interface ClusterViewOptions {
  readonly registry: NodeRegistry;
  /** Whether commands are answered. */
  readonly pulse: { readonly alive: boolean };
  /** Whether what is published arrives. */
  readonly subscription: { readonly alive: boolean };
  readonly log: Logger;
}

export class ClusterView implements Part {
  readonly name = "cluster view";
  readonly #options: ClusterViewOptions;
  #timer: NodeJS.Timeout | undefined;
  #nodes: readonly NodeReport<unknown>[] = [];
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
    const troubles: string[] = [];
    if (this.#draining) troubles.push("draining");
    const { pulse, subscription } = this.#options;
    if (!pulse.alive || this.#isStale) troubles.push("redis does not answer in time");
    else if (!this.#nodes.some(({ kind }) => kind === "worker"))
      troubles.push("no worker is alive");
    if (!subscription.alive) troubles.push("the redis subscription is down");
    return troubles;
  }

  /** Whether a node was alive when last looked; also where that was too long ago to tell. */
  isAlive(node: string): boolean {
    return this.#isStale || this.#nodes.some(({ id }) => id === node);
  }

  get #isStale(): boolean {
    return performance.now() - this.#refreshedAt > STALE_MS;
  }

  async #refresh(): Promise<void> {
    try {
      this.#nodes = await this.#options.registry.nodes();
      this.#refreshedAt = performance.now();
    } catch (error) {
      this.#options.log.debug({ err: error }, "cluster view not refreshed");
    }
  }
}
