/**
 * The configuration of a process that lives longer than its configuration does.
 *
 * Each decision reads `current` at its own moment, and stays as it was made. A run at work keeps the timeouts, the
 * model and the key that it began with.
 */
import { isDeepStrictEqual } from "node:util";
import type { GatewayConfig } from "./gateway-config.ts";
import { gatewayConfigPath, loadGatewayConfig } from "./load-gateway-config.ts";
import { ConfigError } from "./problem.ts";

export interface GatewayConfigSource {
  /** The configuration that holds now; a new object after each change, never altered. */
  readonly current: GatewayConfig;
  /** Calls `listener` after each change, for as long as this process lives. */
  onChange(listener: () => void): void;
}

/** What came of reading the configuration again. */
export type Reload =
  | { readonly outcome: "unchanged" }
  | { readonly outcome: "changed"; readonly changes: ProviderChanges }
  /** The one before stays. */
  | { readonly outcome: "refused"; readonly problems: readonly string[] };

/** Names of the providers that differ. All empty where only targets or the default do. */
export interface ProviderChanges {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

export class LiveGatewayConfig implements GatewayConfigSource {
  /** The file it is read from; undefined for the shipped providers, which never change. */
  readonly path: string | undefined;
  readonly #env: NodeJS.ProcessEnv;
  readonly #listeners: (() => void)[] = [];
  #current: GatewayConfig;

  /** Reads it for the first time. @throws ConfigError with every problem found */
  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
    this.path = gatewayConfigPath(env);
    this.#current = loadGatewayConfig(env, this.path);
  }

  get current(): GatewayConfig {
    return this.#current;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Reads the file again, from where it was found first, and takes what it says if all of it is sound. */
  reload(): Reload {
    if (this.path === undefined) return { outcome: "unchanged" };
    const before = this.#current;
    let read: GatewayConfig;
    try {
      read = loadGatewayConfig(this.#env, this.path);
    } catch (error) {
      if (error instanceof ConfigError) return { outcome: "refused", problems: error.problems };
      throw error;
    }
    // Changed spaces or a changed order of fields are no change.
    if (isDeepStrictEqual(before, read)) return { outcome: "unchanged" };
    this.#current = read;
    for (const listener of this.#listeners) listener();
    return { outcome: "changed", changes: changesBetween(before, read) };
  }
}

function changesBetween(before: GatewayConfig, now: GatewayConfig): ProviderChanges {
  const [old, fresh] = [before.providers, now.providers];
  const names = Object.keys(fresh);
  return {
    added: names.filter((name) => !Object.hasOwn(old, name)),
    changed: names.filter(
      (name) => Object.hasOwn(old, name) && !isDeepStrictEqual(old[name], fresh[name]),
    ),
    removed: Object.keys(old).filter((name) => !Object.hasOwn(fresh, name)),
  };
}
