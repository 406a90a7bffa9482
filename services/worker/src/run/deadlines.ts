/**
 * How long a provider may take: until its first token, between two pieces, and for the whole run.
 *
 * One timer serves all three. It is not touched per piece: when it fires it looks at the time of
 * the last progress and sleeps for what is left.
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

  /** Starts counting. `onPassed` is called at most once, never after `clear`. */
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

  /** A piece of the answer arrived, be it thought, said or called. Keep-alives and empty frames are no progress. */
  progress(): void {
    this.#lastProgressAt = performance.now();
    if (this.#progressed) return;
    this.#progressed = true;
    // The stall limit may be shorter than what was left of the first-token limit.
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

  /** Which limit comes first from here, and how far away it is. */
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
