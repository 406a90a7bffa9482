import type { ProviderConfig } from "@openclaw/config";
import type { ProviderHealth } from "../provider/health/provider-health.ts";
import type { ProviderClient } from "../provider/provider-client.ts";

/** A provider's client that counts its users, so that it can be replaced while runs still use it. */
export class CountedClient {
  readonly #client: ProviderClient;
  #users = 0;
  #onUnused: () => void = () => undefined;

  constructor(client: ProviderClient) {
    this.#client = client;
  }

  get config(): ProviderConfig {
    return this.#client.config;
  }

  get health(): ProviderHealth {
    return this.#client.health;
  }

  /** Opens the warm sockets. Resolves when they are open, or after `withinMs`. */
  async warmUp(withinMs: number): Promise<void> {
    const late = new Promise((resolve) => setTimeout(resolve, withinMs).unref());
    await Promise.race([this.#client.start(), late]);
  }

  async use<T>(work: (client: ProviderClient) => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await work(this.#client);
    } finally {
      this.#users -= 1;
      if (this.#users === 0) this.#onUnused();
    }
  }

  /** Closes the sockets once no run uses the client. From now on, give it to no run. */
  async retire(): Promise<void> {
    if (this.#users > 0) {
      await new Promise<void>((resolve) => {
        this.#onUnused = resolve;
      });
    }
    await this.#client.stop();
  }

  /** Closes the sockets now. Runs that still stream fail. Safe twice. */
  stop(): Promise<void> {
    return this.#client.stop();
  }
}
