/**
 * How many connections each client address has here.
 *
 * uWebSockets.js shows no frame before it is whole, so what a client has sent of one cannot be counted. It keeps at most
 * one frame for each connection: the connections of one address are bounded instead.
 */
import type { ClientAddress } from "./client-address.ts";

/**
 * Of one client, where the operator did not say. Each may make the edge keep a frame of 1 MiB, so the memory that is
 * shipped for an edge has room for so many.
 */
export const USUAL_MAX_CONNECTIONS = 250;

export class AddressLimit {
  readonly #max: number | undefined;
  readonly #open = new Map<string, number>();

  /** @param max of any address; undefined: the usual one, and none for proxies that do not name their clients */
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
