/**
 * Counts the connections of each client address.
 *
 * uWebSockets.js shows a frame only when it is whole, so the bytes of an unfinished frame cannot be counted. The
 * library keeps at most one unfinished frame for each connection. So the connections of one address are bounded
 * instead.
 */
import type { ClientAddress } from "./client-address.ts";

/**
 * Of one client, unless the operator sets another limit. Each connection may make the edge keep a frame of 1 MiB.
 * The memory that is shipped for an edge has room for so many.
 */
export const USUAL_MAX_CONNECTIONS = 250;

export class AddressLimit {
  readonly #max: number | undefined;
  readonly #open = new Map<string, number>();

  /**
   * @param max of any address; undefined: the usual limit, except for proxies that do not name their clients
   */
  constructor(max: number | undefined) {
    this.#max = max;
  }

  hasRoom({ key, isProxy }: ClientAddress): boolean {
    const max = this.#max ?? (isProxy ? Number.POSITIVE_INFINITY : USUAL_MAX_CONNECTIONS);
    return (this.#open.get(key) ?? 0) < max;
  }

  opened({ key }: ClientAddress): void {
    this.#open.set(key, (this.#open.get(key) ?? 0) + 1);
  }

  closed({ key }: ClientAddress): void {
    const left = (this.#open.get(key) ?? 0) - 1;
    if (left > 0) this.#open.set(key, left);
    else this.#open.delete(key);
  }
}
