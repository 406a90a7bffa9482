import { createHash, timingSafeEqual } from "node:crypto";

/** Where a request may have its key. */
export interface Credentials {
  /** The `authorization` header; empty where there is none. */
  readonly authorization: string;
  /** The `api_key` of the query, for browsers, whose WebSockets cannot have headers. */
  readonly apiKey: string | undefined;
}

const BEARER = /^bearer +/i;

/** The keys of those who may ask. Without any key everybody may. */
export class ClientKeys {
  readonly #digests: readonly Buffer[];

  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digestOf);
  }

  accept({ authorization, apiKey }: Credentials): boolean {
    if (this.#digests.length === 0) return true;
    const shown = BEARER.test(authorization) ? authorization.replace(BEARER, "") : apiKey;
    if (shown === undefined) return false;
    const digest = digestOf(shown);
    // Every one of them, in constant time: how long it takes says nothing of how much was right.
    return this.#digests.filter((known) => timingSafeEqual(known, digest)).length > 0;
  }
}

function digestOf(key: string): Buffer {
  return createHash("sha256").update(key.trim()).digest();
}
