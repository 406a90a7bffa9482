import { createHash, timingSafeEqual } from "node:crypto";

/** Where a request may show its API key. */
export interface Credentials {
  /** The `authorization` header; empty if it is missing. */
  readonly authorization: string;
  /** `api_key` of the query. Browsers cannot add headers to a WebSocket. */
  readonly apiKey: string | undefined;
}

const BEARER = /^bearer +/i;

/** The API keys that are served. Without any key, every client is served. */
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
    // Compares with every key, in constant time: the duration does not tell how much of a key was right.
    return this.#digests.filter((known) => timingSafeEqual(known, digest)).length > 0;
  }
}

function digestOf(key: string): Buffer {
  return createHash("sha256").update(key.trim()).digest();
}
