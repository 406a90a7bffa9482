import type { ProviderConfig } from "@openclaw/config";
import { Idle, within } from "@openclaw/runtime";
import type { ProviderHealth } from "../provider/health/provider-health.ts";
import type { ProviderClient } from "../provider/provider-client.ts";

/** A provider's client that counts its users, so that it can be replaced while runs still use it. */
export class CountedClient {
  readonly #client: ProviderClient;
  #users = 0;
  readonly #idle = new Idle(() => this.#users === 0);

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
    await within(withinMs, this.#client.start());
  }

  async use<T>(work: (client: ProviderClient) => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await work(this.#client);
    } finally {
      this.#users -= 1;
      this.#idle.check();
    }
  }

  /** Closes the sockets once no run uses the client. From now on, give it to no run. */
  async retire(): Promise<void> {
    await this.#idle.wait();
    await this.#client.stop();
  }

  /** Closes the sockets now. Runs that still stream fail. Safe twice. */
  stop(): Promise<void> {
    return this.#client.stop();
  }
}
