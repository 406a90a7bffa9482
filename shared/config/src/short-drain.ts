import type { Logger } from "@openclaw/runtime";
import type { GatewayConfigSource } from "./live-gateway-config.ts";

export interface DrainOptions {
  readonly gateway: GatewayConfigSource;
  /** The setting that says how long this process drains, and what it says. */
  readonly setting: string;
  readonly drainMs: number;
  readonly log: Pick<Logger, "warn">;
}

/**
 * Warns of each provider whose answers may take longer than this process drains. With each rollout, longer answers
 * begin again or are cut. Once for each provider, now and after each change of the configuration.
 */
export function warnOfShortDrain({ gateway, setting, drainMs, log }: DrainOptions): void {
  const known = new Set<string>();
  const look = () => {
    for (const [provider, { timeouts }] of Object.entries(gateway.current.providers)) {
      const { totalMs } = timeouts;
      if (totalMs <= drainMs) known.delete(provider);
      else if (!known.has(provider)) {
        known.add(provider);
        log.warn({ provider, totalMs, setting, drainMs }, "answers may take longer than the drain");
      }
    }
  };
  look();
  gateway.onChange(look);
}
