/**
 * Keeps runs away from a provider account that is down.
 *
 * No user's run is spent on finding out whether it is well again: while the circuit is open, the
 * provider is asked for its list of models, which costs nothing, and the first good answer closes it.
 * An account that is refused (its key, its quota, its model) would answer that all the same; it is
 * left alone for a time instead, after which a run may try.
 */
import type { ErrorCode } from "@openclaw/protocol";
import type { Logger } from "@openclaw/runtime";
import {
  CircuitState,
  CountBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleAll,
} from "cockatiel";

/** Opens when more than half of the last attempts failed. */
const LAST_ATTEMPTS = { size: 10, threshold: 0.5, minimumNumberOfCalls: 5 };
/** First and longest wait between two looks at a provider that is down. It is used again within 10 s. */
const LOOK_AGAIN = { initialDelay: 500, maxDelay: 6_000 };
const LOOK_TICK_MS = 250;

export interface CircuitBreakerOptions {
  readonly provider: string;
  /** Whether the provider answers at all. Throws where it does not; bounded in time. */
  readonly probe: () => Promise<void>;
  readonly log: Pick<Logger, "info" | "warn" | "error">;
}

export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions;
  readonly #policy = circuitBreaker(handleAll, {
    halfOpenAfter: new ExponentialBackoff(LOOK_AGAIN),
    breaker: new CountBreaker(LAST_ATTEMPTS),
  });
  #code: ErrorCode | undefined;
  #looking: NodeJS.Timeout | undefined;
  #enabling: NodeJS.Timeout | undefined;

  constructor(options: CircuitBreakerOptions) {
    this.#options = options;
    const { provider, log } = options;
    this.#policy.onBreak((reason) => {
      if ("isolated" in reason) return;
      log.warn({ provider, code: this.#code }, "circuit opened");
      this.#looking ??= setInterval(() => this.#look(), LOOK_TICK_MS).unref();
    });
    this.#policy.onReset(() => {
      log.info({ provider, code: this.#code }, "circuit closed");
      this.#code = undefined;
      this.#stopLooking();
    });
  }

  /** Whether runs may be spent on this provider. */
  get isClosed(): boolean {
    return this.#policy.state === CircuitState.Closed;
  }

  /** The failure that opened the circuit; undefined while it is closed. */
  get code(): ErrorCode | undefined {
    return this.isClosed ? undefined : this.#code;
  }

  /** An attempt got as far as text. */
  succeeded(): void {
    if (this.isClosed) this.#note(undefined);
  }

  /** An attempt failed for a reason that lies in the provider. */
  failed(code: ErrorCode): void {
    if (!this.isClosed) return;
    this.#code = code;
    this.#note(new Error(code));
  }

  /** Lets no run through for `forMs`: what the account was refused for passes only by somebody's hand. */
  disable(code: ErrorCode, forMs: number): void {
    if (!this.isClosed) return;
    const { provider, log } = this.#options;
    this.#code = code;
    log.error({ provider, code, forMs }, "provider refused the account, left alone for a time");
    const isolation = this.#policy.isolate();
    this.#enabling = setTimeout(() => isolation.dispose(), forMs).unref();
  }

  stop(): void {
    this.#stopLooking();
    clearTimeout(this.#enabling);
  }

  #note(failure: Error | undefined): void {
    const outcome = () => (failure ? Promise.reject(failure) : Promise.resolve());
    // The failure comes out again, and was dealt with before it went in.
    this.#policy.execute(outcome).catch(() => undefined);
  }

  /** The policy itself decides whether it is time. */
  #look(): void {
    if (this.#policy.state !== CircuitState.Open) return;
    // Refused because it is not time yet, or the provider is still down: the next tick looks again.
    this.#policy.execute(() => this.#options.probe()).catch(() => undefined);
  }

  #stopLooking(): void {
    clearInterval(this.#looking);
    this.#looking = undefined;
  }
}
