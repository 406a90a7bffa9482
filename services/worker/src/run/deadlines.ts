/**
 * The deadlines of an attempt: for the first token, between two pieces, and for the whole run.
 *
 * One timer serves all three. A piece does not reset it: when the timer fires, it checks the time of the last piece, and
 * waits for the rest.
 */
import type { ProviderTimeouts } from "@openclaw/config";
import type { ErrorCode } from "@openclaw/protocol";
import { ProviderError } from "../provider/contract/provider-error.ts";

export class Deadlines {
  readonly #provider: string;
  readonly #timeouts: ProviderTimeouts;
  readonly #onPassed: (error: ProviderError) => void;
  readonly #startedAt = performance.now();
  #lastProgressAt = this.#startedAt;
  #progressed = false;
  #timer: NodeJS.Timeout | undefined;

  /** Starts the clock. `onPassed` is called at most once, never after `clear`. */
  constructor(
    provider: string,
    timeouts: ProviderTimeouts,
    onPassed: (error: ProviderError) => void,
  ) {
    this.#provider = provider;
    this.#timeouts = timeouts;
    this.#onPassed = onPassed;
    this.#arm();
  }

  /** A piece of text, reasoning or a tool call arrived. Keep-alives and empty frames are no progress. */
  progress(): void {
    this.#lastProgressAt = performance.now();
    if (this.#progressed) return;
    this.#progressed = true;
    // The stall limit may end before the first-token limit would have.
    this.#arm();
  }

  clear(): void {
    clearTimeout(this.#timer);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const { code, leftMs, limitMs } = this.#next();
    if (leftMs > 0) {
      this.#timer = setTimeout(() => this.#arm(), Math.ceil(leftMs));
      return;
    }
    this.#onPassed(
      new ProviderError(code, { provider: this.#provider, detail: `limit ${limitMs / 1_000} s` }),
    );
  }

  /** The limit that ends first, and the time until then. */
  #next(): { code: ErrorCode; leftMs: number; limitMs: number } {
    const now = performance.now();
    const { firstTokenMs, stallMs, totalMs } = this.#timeouts;
    const totalLeft = this.#startedAt + totalMs - now;
    const silenceMs = this.#progressed ? stallMs : firstTokenMs;
    const silenceLeft = this.#lastProgressAt + silenceMs - now;
    if (totalLeft <= silenceLeft) {
      return { code: "run_timeout", leftMs: totalLeft, limitMs: totalMs };
    }
    const code = this.#progressed ? "provider_stalled" : "first_token_timeout";
    return { code, leftMs: silenceLeft, limitMs: silenceMs };
  }
}
