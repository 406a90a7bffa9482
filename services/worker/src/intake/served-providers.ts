/**
 * The providers this worker serves, kept in step with the configuration.
 *
 * Changes come one at a time, and each compares what is served with what is configured now, so that
 * none is lost or done twice however quickly they follow one another.
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

/** At most so long is waited for warm connections: an unreachable provider must not hold up a worker. */
const FIRST_WARM_UP_MS = 3_000;
/** A provider that was added or changed is waited for by users who know it already. */
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
  /** Removed ones whose last runs are at work. */
  readonly #ending = new Set<ServedProvider>();
  #state: "idle" | "serving" | "leaving" = "idle";
  #reconciled: Promise<void> = Promise.resolve();
  #retrying: NodeJS.Timeout | undefined;
  #isHeld = false;

  constructor(options: ServedProvidersOptions) {
    this.#options = options;
    options.gateway.onChange(() => this.#reconcile());
  }

  /** Warms every provider at once, and takes the runs of each as soon as it is warm. */
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

  /** How each provider that is served fares here. */
  health(): Record<string, ProviderHealthReport> {
    return Object.fromEntries(
      [...this.#served].map(([name, provider]) => [name, provider.health.report()]),
    );
  }

  /** How many runs of each provider that is served are taken here at once. */
  places(): Record<string, Places> {
    return Object.fromEntries([...this.#served].map(([name, { places }]) => [name, places]));
  }

  /** An account wants to be left alone, as another worker was told. */
  rest(provider: string, forMs: number): void {
    this.#served.get(provider)?.health.rest("provider_rate_limited", forMs);
  }

  /** Takes no runs until told otherwise, or takes them again. Those at work go on. */
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

  /** Never rejects: one provider that cannot be served is tried again, and disturbs no other. */
  async #follow(): Promise<void> {
    if (this.#state !== "serving") return;
    const { gateway, limits } = this.#options;
    const { providers } = gateway.current;
    // First, or a new provider would have more runs at once than it may.
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
    // Before it starts, so that who stops meanwhile finds it.
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
