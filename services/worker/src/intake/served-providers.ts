/**
 * The providers that this worker serves, kept in step with the configuration.
 *
 * Changes are handled one at a time. Each compares the served providers with the present configuration, so that no change
 * is lost or repeated.
 */
import type { GatewayConfigSource, Places, ProviderConfig } from "@openclaw/config";
import type { ProviderHealthReport } from "@openclaw/metrics";
import type { QueueLimits } from "@openclaw/queue";
import type { Component } from "@openclaw/runtime";
import {
  type LeavingLimits,
  ServedProvider,
  type ServedProviderOptions,
} from "./served-provider.ts";

/** Longest wait for warm connections at the start. An unreachable provider must not delay a worker. */
const FIRST_WARM_UP_MS = 3_000;
/** The same for an added or changed provider, whose runs may wait already. */
const WARM_UP_MS = 1_000;
const RETRY_MS = 5_000;

export interface ServedProvidersOptions extends ServedProviderOptions {
  readonly gateway: GatewayConfigSource;
  readonly limits: Pick<QueueLimits, "update">;
  readonly leaving: LeavingLimits;
}

export class ServedProviders implements Component {
  readonly name = "providers";
  readonly #options: ServedProvidersOptions;
  readonly #served = new Map<string, ServedProvider>();
  /** Removed providers whose last runs are at work. */
  readonly #ending = new Set<ServedProvider>();
  /** `idle` → `serving` with `start`, → `leaving` with `drain` or `stop`. */
  #state: "idle" | "serving" | "leaving" = "idle";
  #reconciled: Promise<void> = Promise.resolve();
  #retrying: NodeJS.Timeout | undefined;
  #isHeld = false;

  constructor(options: ServedProvidersOptions) {
    this.#options = options;
    options.gateway.onChange(() => this.#reconcile());
  }

  /** Warms all providers at once, and takes the runs of each as soon as it is warm. */
  async start(): Promise<void> {
    this.#state = "serving";
    const providers = Object.entries(this.#options.gateway.current.providers);
    try {
      await Promise.all(
        providers.map(([name, config]) => this.#begin(name, config, FIRST_WARM_UP_MS)),
      );
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** The health of each served provider. */
  health(): Record<string, ProviderHealthReport> {
    return Object.fromEntries(
      [...this.#served].map(([name, provider]) => [name, provider.health.report()]),
    );
  }

  /** How many runs of each served provider this worker takes at once. */
  places(): Record<string, Places> {
    return Object.fromEntries([...this.#served].map(([name, { places }]) => [name, places]));
  }

  /** An account asked another worker for a rest. */
  rest(provider: string, forMs: number): void {
    this.#served.get(provider)?.health.rest("provider_rate_limited", forMs);
  }

  /** Stops or resumes taking runs. Runs at work go on. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    for (const provider of this.#all()) this.#hold(provider);
  }

  async drain(signal: AbortSignal): Promise<void> {
    this.#leave();
    await Promise.all(this.#all().map((provider) => provider.drain(signal)));
  }

  async stop(): Promise<void> {
    this.#leave();
    await Promise.all(this.#all().map((provider) => provider.stop()));
    this.#served.clear();
    this.#ending.clear();
  }

  #hold(provider: ServedProvider): void {
    provider.hold(this.#isHeld).catch((error: unknown) => {
      this.#options.log.error({ provider: provider.name, err: error }, "provider not held");
    });
  }

  #all(): readonly ServedProvider[] {
    return [...this.#served.values(), ...this.#ending];
  }

  #leave(): void {
    this.#state = "leaving";
    clearTimeout(this.#retrying);
  }

  #reconcile(): void {
    this.#reconciled = this.#reconciled.then(() => this.#follow());
  }

  /** Never rejects. A provider that cannot be served is tried again, without an effect on the others. */
  async #follow(): Promise<void> {
    if (this.#state !== "serving") return;
    const { gateway, limits } = this.#options;
    const { providers } = gateway.current;
    // Comes first, or a new provider would get more runs at once than its limit.
    await limits.update();
    for (const name of this.#served.keys()) {
      if (!Object.hasOwn(providers, name)) void this.#remove(name);
    }
    await Promise.all(Object.entries(providers).map(([name, config]) => this.#serve(name, config)));
  }

  async #serve(name: string, config: ProviderConfig): Promise<void> {
    if (this.#state !== "serving") return;
    try {
      const served = this.#served.get(name);
      if (served) await served.configure(config, WARM_UP_MS);
      else await this.#begin(name, config, WARM_UP_MS);
    } catch (error) {
      this.#options.log.error({ provider: name, err: error }, "provider not served");
      this.#retryLater();
    }
  }

  async #begin(name: string, config: ProviderConfig, warmUpMs: number): Promise<void> {
    const provider = new ServedProvider(name, config, this.#options);
    // Comes before its start, so that a `stop` meanwhile finds it.
    this.#served.set(name, provider);
    if (this.#isHeld) this.#hold(provider);
    try {
      await provider.start(warmUpMs);
    } catch (error) {
      this.#served.delete(name);
      await provider.stop();
      throw error;
    }
  }

  async #remove(name: string): Promise<void> {
    const provider = this.#served.get(name);
    if (!provider || provider.isLeaving) return;
    const { log, leaving } = this.#options;
    if (!(await provider.leave(leaving))) return;
    this.#served.delete(name);
    this.#ending.add(provider);
    try {
      await provider.end();
      log.info({ provider: name }, "provider no longer served");
    } catch (error) {
      log.error({ provider: name, err: error }, "provider not released");
    } finally {
      this.#ending.delete(provider);
    }
  }

  #retryLater(): void {
    clearTimeout(this.#retrying);
    if (this.#state !== "serving") return;
    this.#retrying = setTimeout(() => this.#reconcile(), RETRY_MS);
  }
}
